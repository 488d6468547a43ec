"""The id sequences of one side, as arrow and NumPy hold them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa


@dataclasses.dataclass(frozen=True, eq=False)
class IdColumn:
    """Ragged rows of ids.

    Args:
        values: int64 `(ids,)`. The ids of all rows.
        offsets: int64 `(rows + 1,)`. Where each row begins in `values`.
        broken: bool `(rows,)`. Rows that are null, are empty or hold an id
            that is null, negative or beyond int64.

    Example:
    >>> column = IdColumn.from_lists([[7, 8, 9], None, [5]])
    >>> column.broken
    array([False,  True, False])
    >>> column.batch(np.array([2, 0]))
    array([[5, 0, 0],
           [7, 8, 9]])
    """

    values: np.ndarray
    offsets: np.ndarray
    broken: np.ndarray

    @classmethod
    def from_arrow(cls, column: pa.ChunkedArray) -> "IdColumn":
        """Makes a column of an arrow column of lists of integers."""
        # What int64 cannot hold turns negative, which is no id either.
        lists = column.cast(pa.large_list(pa.int64()), safe=False)
        lists = lists.combine_chunks()
        values = lists.values.fill_null(-1).to_numpy(zero_copy_only=False)
        offsets = lists.offsets.to_numpy(zero_copy_only=False)
        broken = np.array(lists.is_null()) | (np.diff(offsets) == 0)
        places = np.flatnonzero(values < 0)
        places = places[(places >= offsets[0]) & (places < offsets[-1])]
        rows = np.searchsorted(offsets, places, side="right") - 1
        broken[rows] = True
        return cls(values, offsets, broken)

    @classmethod
    def from_lists(cls, rows: Sequence[list[int] | None]) -> "IdColumn":
        """Makes a column of lists; `None` is a broken row."""
        lists = pa.array(rows, pa.large_list(pa.int64()))
        return cls.from_arrow(pa.chunked_array([lists]))

    @property
    def lengths(self) -> np.ndarray:
        """Number of ids of each row, int64 `(rows,)`."""
        return np.diff(self.offsets)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Returns some rows, padded with 0 to the longest of them.

        Args:
            rows: int `(batch,)`. At least one, none of them broken.
        """
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        steps = np.arange(lengths.max())
        real = steps < lengths[:, np.newaxis]  # (B, T)
        places = np.where(real, starts[:, np.newaxis] + steps, 0)
        return np.where(real, self.values[places], 0)
