"""One version of a model and what has become of it."""

import enum
import pathlib
import time
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.errors import invalid_argument
from serving.local_server.limits import worker_count
from serving.local_server.metrics import Metrics
from serving.saved_model_session import SavedModelSession

State: Any = enum.IntEnum(
    "State", get_model_status_pb2.ModelVersionStatus.State.items()
)

# Of vectors as wide as the model's widest: what a row takes while it is
# embedded and answered. Measured: 3 for a mean of one id, 54 for a
# convolution over 30.
_VECTORS_PER_ROW = 16
_FLOAT_BYTES = 4

# A batch of the clients' default size is always taken.
_LEAST_ROWS = 256


class ServedVersion:
    """A version from its first sight to its end.

    The registry moves it from state to state, under the registry's lock.

    Args:
        model_name: Name of the model.
        number: The version.
        path: Folder of the export.
        metrics: Where to count and time.
        max_rows: How many rows a request may have. Defaults to 0: as many as
            the free memory allows.

    Attributes:
        state: `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
        error: Why the last attempt to load failed, without paths of this
            machine, or `None`.
        session: The loaded model, or `None`.
        users: How many requests use the model now.
        attempts: How often loading was tried.
        retry_at: When to try again, in seconds of `time.monotonic`.
        metrics: Where to count and time.
        max_rows: How many rows a request may have, once loaded.
    """

    def __init__(
        self,
        model_name: str,
        number: int,
        path: str,
        metrics: Metrics,
        max_rows: int = 0,
    ):
        self.model_name = model_name
        self.number = number
        self.state = State.START
        self.error: tf.errors.OpError | None = None
        self.session: SavedModelSession | None = None
        self.users = 0
        self.attempts = 0
        self.retry_at = 0.0
        self._path = path
        self.metrics = metrics
        self.max_rows = max_rows

    @property
    def identity(self) -> str:
        """What stands for the version's path in answers."""
        return f"{self.model_name}/{self.number}"

    def is_pending(self) -> bool:
        """Says whether the version is still to be loaded."""
        return self.state in (State.START, State.LOADING)

    def status(self) -> get_model_status_pb2.ModelVersionStatus:
        """Returns what answers tell of the version."""
        found = get_model_status_pb2.ModelVersionStatus(
            version=self.number, state=self.state
        )
        found.status.SetInParent()
        if self.error is not None and self.state == State.END:
            found.status.error_code = self.error.error_code
            found.status.error_message = self.error.message
        return found

    def load(self) -> SavedModelSession:
        """Loads and warms up the model.

        Raises:
            tf.errors.OpError: If either fails.
        """
        start = time.monotonic()
        try:
            session = SavedModelSession(self._path)
            loaded = time.monotonic()
            session.replay_warmup()
            self.max_rows = self.max_rows or default_row_limit(session)
        except Exception as error:
            self.metrics.load_attempts.add(1, self.identity, "fail")
            raise self._without_path(error) from error
        self.metrics.load_attempts.add(1, self.identity, "success")
        self.metrics.load_latency.add(_micros(loaded - start), self.identity)
        self.metrics.warmup_latency.observe(
            _micros(time.monotonic() - loaded), self.identity, "OK"
        )
        return session

    def check_rows(self, rows: int):
        """Refuses a request of too many rows.

        Raises:
            tf.errors.InvalidArgumentError: If there are more rows than the
                limit.
        """
        if rows > self.max_rows:
            raise invalid_argument(
                f"The request has {rows:,} rows, but may have at most "
                f"{self.max_rows:,}. Send them in several requests, or start "
                "the server with a larger --max_rows_per_request."
            )

    def run(
        self,
        api: str,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature and times it; see `SavedModelSession.run`."""
        start = time.monotonic()
        found = self.session.run(signature_name, inputs, outputs, timeout)
        self.metrics.runtime_latency.observe(
            _micros(time.monotonic() - start), self.model_name, api, "TF1"
        )
        return found

    def _without_path(self, error):
        if not isinstance(error, tf.errors.OpError):
            error = tf.errors.InternalError(None, None, str(error))
        message = error.message.replace(self._path, self.identity)
        return type(error)(None, None, message)


def default_row_limit(session: SavedModelSession) -> int:
    """Returns how many rows a request may have by the memory that is free.

    All requests that run at a time, of both APIs, may take a quarter of it.
    What a row takes is judged by the model's widest vector: that of an output
    or a variable.

    Args:
        session: The loaded model.

    Example:
    >>> import tempfile
    >>> import tensorflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> spec = tf.TensorSpec([None], tf.int64, name="x")
    >>> double = tf.function(lambda x: {"y": 2 * x}, input_signature=[spec])
    >>> tf.saved_model.save(
    ...     tf.Module(), folder, signatures={"serving_default": double}
    ... )
    >>> session = SavedModelSession(folder)
    >>> default_row_limit(session) >= 256
    True
    >>> session.close()
    """
    row = _VECTORS_PER_ROW * _FLOAT_BYTES * session.widest_vector()
    requests = 2 * worker_count()
    return max(free_memory() // 4 // requests // row, _LEAST_ROWS)


def free_memory() -> int:
    """Returns how many bytes this process can still take.

    That is what the machine has available, or what is left below the limit of
    the container if that is less.
    """
    free = psutil.virtual_memory().available
    group = pathlib.Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            used = int((group / "memory.current").read_text())
            free = min(free, max(int(limit) - used, 0))
    except (OSError, ValueError):
        # No container, or one of another kind.
        pass
    return free


def _micros(seconds):
    return round(seconds * 1e6)
