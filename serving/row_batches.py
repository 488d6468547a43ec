"""Rows of a request in batches of similar lengths, padded with 0."""

from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.sequences import Sequences

Column = Sequences | pa.LargeBinaryArray

# A batch of the longest rows must fit into memory: its ids, and the bytes of
# its texts.
_MAX_LENGTH = 1 << 22


def batches_of_rows(
    sides: Mapping[str, Column],
    batch_size: int,
    rows: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Yields the numbers of rows in the order of their lengths.

    A batch of rows of similar lengths holds little padding.

    Args:
        sides: Side -> its ids, or its texts in UTF-8.
        batch_size: Rows of a batch at most; fewer if they are very long.
        rows: int `(n,)`. The rows wanted. Defaults to `None`: all.

    Example:
    >>> ids = Sequences.from_any([[1, 2, 3], [4], [5, 6]], "in0")
    >>> list(batches_of_rows({"in0": ids}, batch_size=2))
    [array([1, 2]), array([0])]
    """
    lengths = np.array([_lengths(column) for column in sides.values()])
    if rows is None:
        rows = np.arange(lengths.shape[1])
    lengths = lengths[:, rows]  # (sides, n)
    order = np.lexsort(lengths)
    rows, longest = rows[order], lengths.max(axis=0, initial=1)[order]
    start = 0
    while start < len(rows):
        window = np.maximum.accumulate(longest[start : start + batch_size])
        sizes = window * np.arange(1, len(window) + 1)
        end = start + max(1, np.count_nonzero(sizes <= _MAX_LENGTH))
        yield rows[start:end]
        start = end


def batch_inputs(
    sides: Mapping[str, Column], rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the inputs of a model for some rows.

    Args:
        sides: Side -> its ids, or its texts in UTF-8.
        rows: int `(batch,)`. At least one row.

    Returns:
        Side -> int64 `(batch, length)`, or object `(batch,)` of `bytes`. Where
        all rows are empty the length is 1: an input without elements would
        say that the side is absent.

    Example:
    >>> ids = Sequences.from_any([[1, 2, 3], [4]], "in0")
    >>> batch_inputs({"in0": ids}, np.array([1, 0]))["in0"]
    array([[4, 0, 0],
           [1, 2, 3]])
    """
    return {side: _gather(column, rows) for side, column in sides.items()}


def _gather(column, rows):
    if not isinstance(column, Sequences):
        return column.take(pa.array(rows)).to_numpy(zero_copy_only=False)
    starts = column.offsets[rows]
    lengths = column.offsets[rows + 1] - starts
    steps = np.arange(max(1, lengths.max()))
    real = steps < lengths[:, np.newaxis]  # (batch, length)
    padded = np.zeros(real.shape, np.int64)
    padded[real] = column.values[(starts[:, np.newaxis] + steps)[real]]
    return padded


def _lengths(column):
    if isinstance(column, Sequences):
        return column.lengths
    lengths = pc.fill_null(pc.binary_length(column), 0)
    return lengths.to_numpy(zero_copy_only=False)
