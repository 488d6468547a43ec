"""Some rows of the columns of a file: what every reader yields."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.ragged_input import is_list
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import as_json

ARROW_TYPES = {
    "ids": pa.list_(pa.int64()),
    "text": pa.string(),
    "number": pa.float64(),
    "json": pa.string(),
}
_ESCAPED = r'["\\\x00-\x1f]'


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Rows of columns, null where a record has no value.

    Args:
        table: `pa.Table` of the rows whose structure is sound, a column a
            field: lists of int64 without nulls in them, strings, or float64
            (`ARROW_TYPES`). A column with a default may be absent: then each
            row has the default.
        numbers: int64 array of shape `(rows,)`. Line or row in the file.
        record: Callable that gives the text of a row of `table`.
        rejected: The other records of the same part of the file.
    """

    table: pa.Table
    numbers: np.ndarray
    record: Callable[[int], str]
    rejected: tuple[RejectedRow, ...] = ()

    @classmethod
    def empty(cls, columns: Mapping[str, Column]) -> "Block":
        """A block of no rows."""
        types = [(f, ARROW_TYPES[c.kind]) for f, c in columns.items()]
        table = pa.schema(types).empty_table()
        return cls(table, np.zeros(0, np.int64), str)


def as_json_texts(values: pa.Array) -> pa.Array:
    r"""Writes values for a column of the kind `"json"`; a null stays null.

    Example:
    >>> as_json_texts(pa.array(["a dog", 'a "dog"'])).to_pylist()
    ['"a dog"', '"a \\"dog\\""']
    """
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_string(values.type):
        escaped = pc.match_substring_regex(values, _ESCAPED)
        if not pc.any(escaped).as_py():
            return pc.binary_join_element_wise('"', values, '"', "")
    return pa.array(map(as_json, values.to_pylist()), pa.string())


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
