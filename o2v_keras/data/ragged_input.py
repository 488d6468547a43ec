"""Converts rows of ids in many forms to flat ids and row lengths."""

import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_RULE = (
    "must be rows of 64-bit integer ids: a list of lists, a 1-D array (one "
    "token a row), a 2-D array padded with zeros at the end, a RaggedTensor "
    "or a pyarrow list array"
)


def flatten_rows(data: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of all rows end to end, and the length of each row.

    Args:
        data: Rows of integer ids; `Sequences.from_any` lists the forms.
        name: str. The argument as error messages call it.

    Returns:
        Two int64 arrays: ids of shape `(tokens,)`, lengths of shape
        `(rows,)`.

    Raises:
        ValueError: If a row is no sequence of integers. The message names
            `name` and the first such row.

    Example:
    >>> ids, lengths = flatten_rows([[7, 8], [9]], "in0")
    >>> ids.tolist(), lengths.tolist()
    ([7, 8, 9], [2, 1])
    """
    if isinstance(data, pa.ChunkedArray):
        return _flatten_arrow(data.combine_chunks(), name)
    if isinstance(data, pa.Array):
        return _flatten_arrow(data, name)
    if hasattr(data, "row_splits"):
        return _flatten_ragged_tensor(data, name)
    if isinstance(data, list | tuple):
        return _flatten_list(data, name)
    if hasattr(data, "__array__"):
        return _flatten_array(np.asarray(data), name)
    raise _error(name, f"{name} of type {type(data).__name__}")


def is_list(type_: pa.DataType) -> bool:
    """Whether an arrow type holds a list in every row."""
    return (
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
    )


def row_lengths(column: pa.Array) -> np.ndarray:
    """Length of each list of an arrow array, 0 for a null; int64 `(rows,)`."""
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    return lengths.to_numpy(zero_copy_only=False).astype(np.int64)


def _flatten_arrow(column, name):
    if is_list(column.type):
        flat, lengths = column.flatten(), row_lengths(column)
    else:
        flat, lengths = column, np.ones(len(column), np.int64)
    if column.null_count:
        row = int(np.argmax(column.is_null()))
        raise _error(name, f"{name}[{row}]=None")
    ids = flat.to_numpy(zero_copy_only=False)
    return _checked(ids, lengths, name, lambda row: column[row].as_py())


def _flatten_list(rows, name):
    try:
        column = pa.array(rows)
    except (pa.ArrowException, OverflowError):
        return _flatten_row_by_row(rows, name)
    return _flatten_arrow(column, name)


def _flatten_row_by_row(rows, name):
    """Finds the row that arrow refuses, or unites types it does not."""
    parts = []
    for index, row in enumerate(rows):
        try:
            if _is_nested(row) != _is_nested(rows[0]):
                raise ValueError("rows must be all lists or all numbers")
            parts.append(_flatten_arrow(pa.array([row]), name))
        except (pa.ArrowException, ValueError, OverflowError):
            received = f"{name}[{index}]={reprlib.repr(row)}"
            raise _error(name, received) from None
    ids, lengths = zip(*parts, strict=True)
    return np.concatenate(ids), np.concatenate(lengths)


def _is_nested(row):
    return isinstance(row, list | tuple | np.ndarray)


def _flatten_array(array, name):
    if array.ndim not in (1, 2):
        raise _error(name, f"{name} of shape {array.shape}")
    if array.ndim == 1 and array.dtype == object:
        return _flatten_list(list(array), name)
    width = array.shape[1] if array.ndim == 2 else 1
    lengths = np.full(len(array), width)
    ids, lengths = _checked(
        array.ravel(), lengths, name, lambda row: array[row].tolist()
    )
    if array.ndim == 1:
        return ids, lengths
    return _trim_padding(ids.reshape(array.shape))


def _flatten_ragged_tensor(tensor, name):
    ids, splits = np.asarray(tensor.flat_values), np.asarray(tensor.row_splits)
    if hasattr(tensor.values, "row_splits") or ids.ndim != 1:
        raise _error(name, f"{name} of shape {tensor.shape}")
    lengths = np.diff(splits).astype(np.int64)
    return _checked(
        ids,
        lengths,
        name,
        lambda row: ids[splits[row] : splits[row + 1]].tolist(),
    )


def _checked(
    ids: np.ndarray,
    lengths: np.ndarray,
    name: str,
    row_at: Callable[[int], Any],
):
    if ids.dtype.kind == "i":
        return ids.astype(np.int64, copy=False), lengths
    bad = ~_fits_int64(ids)
    if bad.any():
        ends = np.cumsum(lengths)
        row = int(np.searchsorted(ends, np.argmax(bad), side="right"))
        value = row_at(row)
        raise _error(name, f"{name}[{row}]={reprlib.repr(value)}", value)
    return ids.astype(np.int64), lengths


def _fits_int64(values):
    """Marks the whole numbers of 64 bits among floats and unsigned ones."""
    if values.dtype.kind == "u":
        return values <= np.iinfo(np.int64).max
    if values.dtype.kind == "f":
        values = values.astype(np.float64, copy=False)
        return (np.abs(values) < 2.0**63) & (values == np.floor(values))
    return np.zeros(values.shape, bool)


def _trim_padding(array):
    """Drops the zeros that end each row, but for the first token."""
    width = array.shape[1]
    real = array != 0
    lengths = np.where(real, np.arange(1, width + 1), 0)  # (rows, width)
    lengths = lengths.max(axis=1, initial=min(width, 1))
    kept = np.arange(width) < lengths[:, None]  # (rows, width)
    return array[kept], lengths


def _error(name, received, row=None):
    rule = _RULE
    if isinstance(row, str):
        rule += (
            "; to make ids of texts set `enc0_tokenizer` (for in1 "
            "`enc1_tokenizer`)"
        )
    return ValueError(f"`{name}` {rule}. Received: {received}")
