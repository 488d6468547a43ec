"""This process's part in a search."""

import dataclasses
import os
from collections.abc import Mapping

_VARIABLES = (
    "KERASTUNER_TUNER_ID",
    "KERASTUNER_ORACLE_IP",
    "KERASTUNER_ORACLE_PORT",
)


@dataclasses.dataclass(frozen=True)
class Role:
    """Whether a process proposes trials, runs them, or both.

    Args:
        leads: Whether it proposes, and writes what the search leaves.
        trains: Whether it runs trials.
    """

    leads: bool = True
    trains: bool = True

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None
    ) -> "Role":
        """Reads the variables of Keras Tuner's distributed search.

        Args:
            environment: Variables by name. Defaults to `None`: the
                process's.

        Raises:
            ValueError: If one of them is set and another one is not.

        Example:
        >>> Role.from_environment({
        ...     "KERASTUNER_TUNER_ID": "chief",
        ...     "KERASTUNER_ORACLE_IP": "127.0.0.1",
        ...     "KERASTUNER_ORACLE_PORT": "8000",
        ... })
        Role(leads=True, trains=False)
        """
        environment = os.environ if environment is None else environment
        missing = [n for n in _VARIABLES if not environment.get(n)]
        if len(missing) == len(_VARIABLES):
            return cls()
        if missing:
            raise ValueError(
                f"`{missing[0]}` must be set where "
                f"{' or '.join(n for n in _VARIABLES if n not in missing)} "
                "is: a search shared by several processes takes all of "
                f"{', '.join(_VARIABLES)}."
            )
        # Keras Tuner's own rule.
        is_chief = "chief" in environment["KERASTUNER_TUNER_ID"]
        return cls(leads=is_chief, trains=not is_chief)
