"""The answers to a window's rows."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """One answer a row, in the order of the rows.

    Args:
        values: float32 `(rows, dim)`, NaN in bad rows; `dim` is 0 if all
            rows are bad.
        reasons: Row -> why it is bad.
        names: What names each row, as in `Records`. Defaults to `None`.
    """

    values: np.ndarray
    reasons: dict[int, str]
    names: list | None = None

    @property
    def sound(self) -> np.ndarray:
        """Which rows were answered; bool `(rows,)`."""
        sound = np.ones(len(self.values), bool)
        sound[list(self.reasons)] = False
        return sound
