"""Sequences of ids, one a row."""

from collections.abc import Sequence

import numpy as np


class IdSequences:
    """One side of a call that holds ids.

    Args:
        name: The side's name, for messages.
        value: Lists of lists, a list of arrays, a 1-D array of single tokens
            or a 2-D array padded with 0.

    Attributes:
        lengths: Number of ids of each row.

    Raises:
        ValueError: If a row is no sequence of integers.

    Example:
    >>> IdSequences("in0", [[1, 2, 3], [4]]).batch([1, 0])
    array([[4, 0, 0],
           [1, 2, 3]])
    """

    def __init__(self, name: str, value: Sequence | np.ndarray):
        self._rows = _rows(name, value)
        self.lengths = [len(row) for row in self._rows]

    def __len__(self):
        return len(self._rows)

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        """Returns some rows, int64 `(batch, length)`, padded with 0.

        An empty row is one step of padding: a tensor without elements would
        say that the side is absent.
        """
        length = max(1, max(self.lengths[row] for row in rows))
        padded = np.zeros((len(rows), length), np.int64)
        for place, row in enumerate(rows):
            padded[place, : self.lengths[row]] = self._rows[row]
        return padded


def _rows(name, value):
    if (
        isinstance(value, np.ndarray)
        and value.ndim == 1
        and value.dtype != object
    ):
        value = value[:, np.newaxis]
    rows = []
    for number, row in enumerate(value):
        ids = np.asarray(row)
        if ids.ndim == 1 and not len(ids):
            ids = ids.astype(np.int64)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"`{name}` must be sequences of integer ids, or texts, one a "
                f"row; write a single token as [7]. Received: "
                f"{name}[{number}]={row!r}"
            )
        rows.append(ids)
    return rows
