"""Arrays from the JSON of a predict request, by TF Serving's rules.

A whole column of values, or of a long list a chunk of it, is checked and
converted at once. Only if that fails are values visited one by one, to name
the first fault as TF Serving does.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.errors import code_name
from serving.errors import invalid_argument
from serving.errors import unimplemented
from serving.local_server.json_reader import MAX_NESTING
from serving.local_server.json_reader import TOO_DEEP
from serving.local_server.json_values import LongList
from serving.local_server.json_values import chunks
from serving.local_server.json_values import decode_base64
from serving.local_server.json_values import encode_text
from serving.local_server.json_values import is_base64
from serving.local_server.json_values import is_list
from serving.local_server.json_values import type_name
from serving.local_server.json_values import value_text
from serving.local_server.tensor_protos import check_rank
from serving.signature_step import dtype_name

_FLOATS = {types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE}

# What an integer literal may be, which for the small types is more than they
# hold: the rest is cut off.
_INTEGER_RANGES = {
    types_pb2.DT_INT8: (np.int32, np.int8),
    types_pb2.DT_INT16: (np.int32, np.int16),
    types_pb2.DT_INT32: (np.int32, np.int32),
    types_pb2.DT_INT64: (np.int64, np.int64),
    types_pb2.DT_UINT8: (np.int32, np.uint8),
    types_pb2.DT_UINT32: (np.uint32, np.uint32),
    types_pb2.DT_UINT64: (np.uint64, np.uint64),
}

_UNFOUND = "a fault was seen, but not found again"

Infos = Mapping[str, meta_graph_pb2.TensorInfo]


def read_inputs(
    request: dict[str, Any], infos: Infos
) -> tuple[dict[str, Any], bool]:
    """Reads the inputs of a predict request.

    Args:
        request: What `read_json` returned.
        infos: The signature's inputs by name.

    Returns:
        Arrays by input name, and whether the request has row format, in which
        the answer then is.

    Raises:
        tf.errors.OpError: If the request does not fit the signature.
        OverflowError: If a number is too big for a double.

    Example:
    >>> info = meta_graph_pb2.TensorInfo(dtype=types_pb2.DT_INT64)
    >>> inputs, _ = read_inputs({"instances": [[1], [2]]}, {"in0": info})
    >>> inputs["in0"]
    array([[1],
           [2]])
    """
    if not infos:
        raise invalid_argument("Failed to get input map for signature")
    if "instances" in request and "inputs" in request:
        raise _unfit(
            request,
            "Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist ",
        )
    if "instances" in request:
        rows = request["instances"]
        if not is_list(rows):
            raise _unfit(request, "Expecting 'instances' to be an list/array")
        if not rows:
            raise _unfit(request, "No values in 'instances' array")
        return _read_rows(rows, infos), True
    if "inputs" in request:
        return _read_columns(request["inputs"], infos), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _read_rows(rows, infos):
    named = _is_named(rows[0])
    if not isinstance(rows[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as "
            "multiple input tensors required as per tensorinfo_map"
        )
    parts = {name: [] for name in (infos if named else [min(infos)])}
    for chunk in chunks(rows):
        columns = _columns(chunk, infos, named)
        if columns is None or not all(
            _append_array(parts[name], values, infos[name].dtype)
            for name, values in columns.items()
        ):
            raise _first_fault(rows, infos, named)
    return {name: _concatenate(arrays) for name, arrays in parts.items()}


def _columns(rows, infos, named):
    """Returns values by input, or `None` if a row has others."""
    if any(_is_named(row) != named for row in rows):
        return None
    if not named:
        return {min(infos): rows}
    if all(row.keys() == infos.keys() for row in rows):
        return {name: [row[name] for row in rows] for name in infos}
    return None


def _read_columns(value, infos):
    if not _is_named(value):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as "
                "multiple input tensors required as per tensorinfo_map"
            )
        value = {min(infos): value}
    arrays = {}
    for name, info in infos.items():
        if name not in value:
            raise invalid_argument(
                f"Missing named input: {name} in 'inputs' object."
            )
        array = _array([value[name]], info.dtype)
        if array is None:
            _check_value(value[name], 0, _shape(value[name]), info.dtype)
            raise AssertionError(_UNFOUND)
        arrays[name] = array[0, ...]
    return arrays


def _is_named(value):
    return isinstance(value, dict) and not is_base64(value)


def _array(values, dtype):
    """Stacks values of equal shape, or returns `None` if there is a fault."""
    if isinstance(values, LongList):
        arrays = []
        alike = all(
            _append_array(arrays, chunk, dtype) for chunk in values.chunks()
        )
        return _concatenate(arrays) if alike else None
    _check_levels(values[0])
    shape, leaves = [len(values)], values
    while leaves and is_list(leaves[0]):
        types = set(map(type, leaves))
        if LongList in types:
            array = _stack(leaves, dtype)
            if array is None:
                return None
            return array.reshape(*shape, *array.shape[1:])
        if types != {list} or len(set(map(len, leaves))) != 1:
            return None
        shape.append(len(leaves[0]))
        leaves = list(itertools.chain.from_iterable(leaves))
    array = _convert(leaves, dtype)
    return None if array is None else array.reshape(shape)


def _stack(lists, dtype):
    """Stacks lists of which some are long, or returns `None` for a fault."""
    arrays = []
    for values in lists:
        if not is_list(values) or not values:
            return None
        if not _append_array(arrays, values, dtype):
            return None
    if len({len(array) for array in arrays}) != 1:
        return None
    return np.stack(arrays)


def _append_array(arrays, values, dtype):
    """Appends values that are like the others; says whether they are."""
    if arrays:
        # Also before the values are looked at, which may lie very deep.
        if len(_levels(values)) != arrays[0].ndim:
            return False
    array = _array(values, dtype)
    if array is None or arrays and array.shape[1:] != arrays[0].shape[1:]:
        return False
    arrays.append(array)
    return True


def _concatenate(arrays):
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _levels(value):
    """Returns a list, its first value if that is a list, and so on."""
    levels = []
    while is_list(value):
        levels.append(value)
        if not value:
            break
        value = value[0]
    return levels


def _check_levels(value):
    levels = _levels(value)
    if levels and levels[-1] and levels[-1][0] is TOO_DEEP:
        raise invalid_argument(f"Lists nested deeper than {MAX_NESTING} levels")
    try:
        # With the dimension that rows add.
        check_rank(len(levels) + 1)
    except ValueError:
        raise invalid_argument(
            f"tensor parsing error: {len(levels)} dimensions"
        ) from None


def _shape(value):
    _check_levels(value)
    return [len(level) for level in _levels(value)]


def _convert(leaves, dtype):
    """Converts scalars, or returns `None` if one has another type."""
    target = tf.as_dtype(dtype).as_numpy_dtype
    types = set(map(type, leaves))
    if not leaves:
        return np.zeros(0, target)
    if dtype in _FLOATS and types <= {int, float}:
        return _convert_floats(leaves, target)
    if dtype in _INTEGER_RANGES and types == {int}:
        return _convert_integers(leaves, *_INTEGER_RANGES[dtype])
    if dtype == types_pb2.DT_BOOL and types == {bool}:
        return np.array(leaves)
    if dtype == types_pb2.DT_STRING and types <= {str, dict}:
        return _convert_strings(leaves)
    return None


def _convert_floats(leaves, target):
    with np.errstate(over="ignore"):
        return np.array(leaves, np.float64).astype(target)


def _convert_integers(leaves, literal, target):
    try:
        return np.array(leaves, literal).astype(target)
    except OverflowError:
        return None


def _convert_strings(leaves):
    texts = np.empty(len(leaves), object)
    try:
        texts[:] = [
            encode_text(leaf) if isinstance(leaf, str) else decode_base64(leaf)
            for leaf in leaves
        ]
    except tf.errors.InvalidArgumentError:
        return None
    return texts


def _first_fault(rows, infos, named):
    """Returns the error of the first row that does not fit."""
    sizes, shapes = {}, {}
    for index, row in enumerate(rows):
        if _is_named(row) != named:
            kinds = (
                "object but got list" if named else "value/list but got object"
            )
            return invalid_argument(
                f"Expecting {kinds} at item {index} of input list"
            )
        for name, item in row.items() if named else [(min(infos), row)]:
            try:
                _check_item(name, item, infos, sizes, shapes)
            except tf.errors.OpError as error:
                key = f" key: {name}" if named else ""
                return invalid_argument(
                    f"Failed to process element: {index}{key} of 'instances' "
                    f"list. Error: {code_name(error)}: {error.message}"
                )
        if named and row.keys() != infos.keys():
            return invalid_argument(
                f"Failed to process element: {index} of 'instances' list. "
                f"JSON object: {value_text(row)} keys must be equal to: "
                f"{','.join(sorted(infos))}"
            )
    raise AssertionError(_UNFOUND)


def _check_item(name, item, infos, sizes, shapes):
    if name not in infos:
        raise invalid_argument(
            f"JSON object: does not have named input: {name}"
        )
    shape = _shape(item)
    size = _check_value(item, 0, shape, infos[name].dtype)
    if size != sizes.setdefault(name, size):
        raise invalid_argument(
            f"Expecting tensor size: {sizes[name]} but got: {size}"
        )
    if shape != shapes.setdefault(name, shape):
        raise invalid_argument(
            f"Expecting shape {_shape_text(shapes[name])} but got: "
            f"{_shape_text(shape)}"
        )


def _check_value(value, level, shape, dtype) -> int:
    """Returns how many scalars a value has; raises at the first fault."""
    if not is_list(value):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {value_text(value)} found at incorrect level: "
                f"{level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            )
        _check_scalar(value, dtype)
        return 1
    if level >= len(shape):
        raise invalid_argument(
            f"Encountered list at unexpected level: {level} expected < "
            f"{len(shape)}"
        )
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: "
            f"{level} expected size: {shape[level]}"
        )
    return sum(_check_value(item, level + 1, shape, dtype) for item in value)


def _check_scalar(value, dtype):
    if dtype == types_pb2.DT_STRING and isinstance(value, dict):
        decode_base64(value)
        return
    if _convert([value], dtype) is not None:
        return
    known = {*_FLOATS, *_INTEGER_RANGES, types_pb2.DT_BOOL, types_pb2.DT_STRING}
    if dtype not in known and not isinstance(value, dict):
        raise unimplemented(
            f"Conversion of JSON Value: {value_text(value)} to type: "
            f"{dtype_name(dtype)}"
        )
    raise invalid_argument(
        f"JSON Value: {value_text(value)} Type: {type_name(value)} is not of "
        f"expected type: {dtype_name(dtype)}"
    )


def _shape_text(shape):
    return f"[{','.join(map(str, shape))}]"


def _unfit(value, rule):
    return invalid_argument(f"JSON Value: {value_text(value)} {rule}")
