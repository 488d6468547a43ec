"""Tables of arrow columns `in0`, `in1`, `label`, `weight` as pairs."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.pair_table import to_weights
from o2v_keras.data.ragged_input import is_list
from o2v_keras.data.ragged_input import row_lengths
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.sequences import Sequences


def complete_rows(table: pa.Table) -> np.ndarray:
    """Marks the rows in which nothing is null; bool `(rows,)`.

    An unsigned id that int64 cannot hold counts as null.

    Example:
    >>> import pyarrow as pa
    >>> column = pa.array([[1], None, [2, None], []])
    >>> complete_rows(pa.table({"in0": column}))
    array([ True, False, False,  True])
    """
    complete = np.ones(table.num_rows, bool)
    for column in table.columns:
        chunks = [_complete_rows_of(chunk) for chunk in column.chunks]
        if chunks:
            complete &= np.concatenate(chunks)
    return complete


def to_pair_table(table: pa.Table, origin: RowOrigin) -> PairTable:
    """Makes pairs of complete rows.

    Args:
        table: `pa.Table` with some of the columns `in0`, `in1`, `label`,
            `weight`.
        origin: `RowOrigin` of its rows.
    """
    sides = {
        name: Sequences.from_any(table[name], name)
        for name in ("in0", "in1")
        if name in table.column_names
    }
    labels = weights = None
    if "label" in table.column_names:
        labels = _numbers(table["label"])
    if "weight" in table.column_names:
        weights = to_weights(_numbers(table["weight"]))
    return PairTable(
        sides.get("in0"), sides.get("in1"), labels, origin, weights
    )


def _numbers(column):
    return column.cast(pa.float64(), safe=False).to_numpy()


def as_lists(column: pa.ChunkedArray) -> pa.Array:
    """Returns lists as they are, and each value that is none in one of one.

    Example:
    >>> import pyarrow as pa
    >>> as_lists(pa.chunked_array([[7, None, 8]])).to_pylist()
    [[7], None, [8]]
    """
    column = column.combine_chunks()
    if is_list(column.type):
        return column
    offsets = np.append(0, np.cumsum(np.array(column.is_valid())))
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        column.drop_null(),
        mask=column.is_null(),
    )


def _complete_rows_of(column):
    complete = np.array(column.is_valid())
    if not is_list(column.type):
        return complete
    ids = column.flatten()
    bad = ids.is_null()
    if pa.types.is_uint64(ids.type):
        too_large = pc.greater(ids, pa.scalar(2**63 - 1, pa.uint64()))
        bad = pc.or_(bad, pc.fill_null(too_large, False))
    ends = np.cumsum(row_lengths(column))
    positions = np.flatnonzero(bad)
    complete[np.searchsorted(ends, positions, side="right")] = False
    return complete
