"""The texts of one side, as arrow holds them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute


@dataclasses.dataclass(frozen=True, eq=False)
class TextColumn:
    """One text a row.

    Args:
        texts: `pyarrow.LargeBinaryArray`, UTF-8; null in broken rows.

    Example:
    >>> column = TextColumn.from_lists(["a dog", None, ""])
    >>> column.broken
    array([False,  True, False])
    >>> column.batch(np.array([2, 0]))
    array([b'', b'a dog'], dtype=object)
    """

    texts: pa.LargeBinaryArray

    @classmethod
    def from_arrow(cls, column: pa.ChunkedArray) -> "TextColumn":
        """Makes a column of an arrow column of strings."""
        # A dictionary of strings becomes bytes in two steps only.
        texts = column.cast(pa.large_string()).cast(pa.large_binary())
        return cls(pa.concat_arrays(texts.chunks))

    @classmethod
    def from_lists(cls, rows: Sequence[str | None]) -> "TextColumn":
        """Makes a column of texts; `None` is a broken row."""
        return cls(pa.array(rows, pa.large_string()).cast(pa.large_binary()))

    @property
    def broken(self) -> np.ndarray:
        """Rows that are null; bool `(rows,)`."""
        return self.texts.is_null().to_numpy(zero_copy_only=False)

    @property
    def lengths(self) -> np.ndarray:
        """Bytes of each row, int64 `(rows,)`."""
        lengths = pyarrow.compute.binary_length(self.texts).fill_null(0)
        return lengths.to_numpy(zero_copy_only=False)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Returns some rows, object `(batch,)` of `bytes`.

        Args:
            rows: int `(batch,)`. At least one, none of them broken.
        """
        return self.texts.take(pa.array(rows)).to_numpy(zero_copy_only=False)
