"""Texts, one a row."""

from collections.abc import Sequence

import numpy as np


class Texts:
    r"""One side of a call that holds texts.

    Args:
        name: The side's name, for messages.
        value: List or array of `str`, or of `bytes`, which should be UTF-8:
            what is not reads as U+FFFD in the model.

    Attributes:
        lengths: Number of bytes of each row.

    Raises:
        ValueError: If a row is no text, or cannot be written as UTF-8.

    Example:
    >>> Texts("in0", ["a dog", "caf\u00e9"]).batch([1])
    array([b'caf\xc3\xa9'], dtype=object)
    """

    def __init__(self, name: str, value: Sequence | np.ndarray):
        self._rows = np.empty(len(value), object)
        for number, row in enumerate(value):
            self._rows[number] = _encoded(f"{name}[{number}]", name, row)
        self.lengths = [len(row) for row in self._rows]

    def __len__(self):
        return len(self._rows)

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        """Returns some rows, object `(batch,)` of `bytes`."""
        return self._rows[rows]


def _encoded(place, name, row):
    if isinstance(row, bytes):
        # NumPy's own strings are subclasses, which TensorFlow does not take.
        return bytes(row)
    if not isinstance(row, str):
        raise ValueError(
            f"`{name}` must be texts in all rows, or sequences of ids in "
            f"all. Received: {place}={row!r}"
        )
    try:
        return row.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"`{name}` must be texts that UTF-8 can hold, or bytes. "
            f"Received: {place}={row!r}"
        ) from None
