"""The chief and the workers of a search shared by several processes."""

import dataclasses
import errno
import os
import socket
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

# A chief may be started minutes after its workers, by hand or by a queue.
_MINUTES_TO_WAIT = 10
_SECONDS_BETWEEN_LINES = 60
_VARIABLES = (
    "KERASTUNER_TUNER_ID",
    "KERASTUNER_ORACLE_IP",
    "KERASTUNER_ORACLE_PORT",
)


@dataclasses.dataclass(frozen=True)
class SearchProcess:
    """A process of a search, which proposes trials, runs them, or both.

    Args:
        is_chief: Whether it proposes trials and writes the results.
        trains: Whether it runs trials.
        chief_address: Host and port of the chief. Defaults to `None`: a
            single process.
    """

    is_chief: bool = True
    trains: bool = True
    chief_address: tuple[str, int] | None = None

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None
    ) -> "SearchProcess":
        """Reads the variables of Keras Tuner's distributed search.

        Args:
            environment: Variables by name. Defaults to `None`: the
                process's.

        Raises:
            ValueError: If only some of them are set, or the port is invalid.

        Example:
        >>> process = SearchProcess.from_environment({
        ...     "KERASTUNER_TUNER_ID": "chief",
        ...     "KERASTUNER_ORACLE_IP": "127.0.0.1",
        ...     "KERASTUNER_ORACLE_PORT": "8000",
        ... })
        >>> process.is_chief, process.trains, process.chief_address
        (True, False, ('127.0.0.1', 8000))
        """
        environment = os.environ if environment is None else environment
        missing = [n for n in _VARIABLES if not environment.get(n)]
        if len(missing) == len(_VARIABLES):
            return cls()
        if missing:
            raise ValueError(
                f"`{missing[0]}` must be set if "
                f"{' or '.join(n for n in _VARIABLES if n not in missing)} "
                "is: a search shared by several processes needs all of "
                f"{', '.join(_VARIABLES)}."
            )
        # Keras Tuner's rule.
        is_chief = "chief" in environment["KERASTUNER_TUNER_ID"]
        port = environment["KERASTUNER_ORACLE_PORT"]
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ValueError(
                "`KERASTUNER_ORACLE_PORT` must be a number from 1 to 65535. "
                f"Received: KERASTUNER_ORACLE_PORT={port}"
            )
        # IPv6 addresses are in brackets.
        host = environment["KERASTUNER_ORACLE_IP"].strip("[]")
        return cls(is_chief, not is_chief, (host, int(port)))

    def require_free_address(self) -> None:
        """Raises `ValueError` if a chief cannot listen at its address."""
        if self.chief_address is None or not self.is_chief:
            return
        host, port = self.chief_address
        try:
            (family, *_), *_ = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            raise ValueError(
                f"The chief cannot listen at {self._place}: {_reason(error)}. "
                f"Received: KERASTUNER_ORACLE_IP={host} and "
                f"KERASTUNER_ORACLE_PORT={port}"
            ) from None

    def wait_for_chief(self, say: Callable[[str], None] = print) -> None:
        """Waits until a worker's chief listens.

        Args:
            say: Called every minute with a line about the wait.

        Raises:
            ConnectionError: If the chief does not listen for ten minutes.
        """
        if self.chief_address is None or self.is_chief:
            return
        began, said = time.monotonic(), None
        while True:
            try:
                socket.create_connection(self.chief_address, timeout=5).close()
                return
            except OSError as error:
                reason = error.strerror or str(error)
            now = time.monotonic()
            if now - began >= 60 * _MINUTES_TO_WAIT:
                raise ConnectionError(
                    f"No chief of this search was at {self._place} for "
                    f"{_MINUTES_TO_WAIT} minutes ({reason}). Start `o2v tune` "
                    "there with KERASTUNER_TUNER_ID=chief (and `--resume`, if "
                    "it had begun), then this worker again."
                )
            if said is None or now - said >= _SECONDS_BETWEEN_LINES:
                said = now
                say(
                    f"waiting for the chief of this search at {self._place} "
                    f"({reason})"
                )
            time.sleep(1)

    @property
    def _place(self):
        address: Any = self.chief_address
        host, port = address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error):
    if isinstance(error, socket.gaierror):
        return "no machine of that name is known"
    if error.errno == errno.EADDRINUSE:
        return (
            "another process uses this port; set a free one for the chief "
            "and all workers"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return "that is no address of this machine, on which the chief runs"
    return error.strerror or str(error)
