"""Arrays from the JSON of a predict request, by TF Serving's rules.

A whole column of values is checked and converted at once. Only if that fails
are values visited one by one, to name the first fault as TF Serving does.
"""

import base64
import binascii
import itertools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server.errors import code_name
from serving.local_server.errors import invalid_argument
from serving.local_server.errors import unimplemented
from serving.local_server.json_reader import TOO_DEEP
from serving.local_server.json_values import type_name
from serving.local_server.json_values import value_text
from serving.local_server.limits import MAX_NESTING
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


def read_inputs(request: dict, infos: Infos) -> tuple[dict, bool]:
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
        if not isinstance(rows, list):
            raise _unfit(request, "Expecting 'instances' to be an list/array")
        if not rows:
            raise _unfit(request, "No values in 'instances' array")
        return _read_rows(rows, infos), True
    if "inputs" in request:
        return _read_columns(request["inputs"], infos), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def decode_base64(value) -> bytes:
    """Decodes `{"b64": text}`.

    Raises:
        tf.errors.InvalidArgumentError: If the value is another one or its
            text is not in base64.

    Example:
    >>> decode_base64({"b64": "dGY="})
    b'tf'
    """
    if not is_base64(value):
        text = value_text(value)
        raise invalid_argument(
            f"JSON Value: {text} not formatted correctly for base64 data"
        )
    # Padding may be missing, but not be wrong.
    text = "".join(value["b64"].split())
    body = text.rstrip("=")
    padding = -len(body) % 4
    if len(text) - len(body) not in (0, padding):
        raise invalid_argument("Unable to base64 decode")
    try:
        return base64.b64decode(body + padding * "=", validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def is_base64(value) -> bool:
    """Says whether a value is an object of just `b64` and a string.

    Example:
    >>> is_base64({"b64": "dGY="}), is_base64({"b64": 1})
    (True, False)
    """
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("b64"), str)
    )


def encode_text(text: str) -> bytes:
    """Returns the bytes that a JSON string stood for.

    Example:
    >>> encode_text("é") == bytes([0xC3, 0xA9])
    True
    """
    return text.encode("utf-8", "surrogateescape")


def _read_rows(rows, infos):
    named = _is_named(rows[0])
    if not isinstance(rows[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as "
            "multiple input tensors required as per tensorinfo_map"
        )
    if any(_is_named(row) != named for row in rows):
        raise _first_fault(rows, infos, named)
    if not named:
        columns = {min(infos): rows}
    elif all(row.keys() == infos.keys() for row in rows):
        columns = {name: [row[name] for row in rows] for name in infos}
    else:
        raise _first_fault(rows, infos, named)
    arrays = {k: _array(v, infos[k].dtype) for k, v in columns.items()}
    if any(array is None for array in arrays.values()):
        raise _first_fault(rows, infos, named)
    return arrays


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
    shape = _shape(values[0])
    leaves = values
    for size in shape:
        if set(map(type, leaves)) != {list} or set(map(len, leaves)) != {size}:
            return None
        leaves = list(itertools.chain.from_iterable(leaves))
    array = _convert(leaves, dtype)
    return None if array is None else array.reshape(len(values), *shape)


def _shape(value):
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if value is TOO_DEEP:
        raise invalid_argument(f"Lists nested deeper than {MAX_NESTING} levels")
    try:
        # With the dimension that rows add.
        check_rank(len(shape) + 1)
    except ValueError:
        raise invalid_argument(
            f"tensor parsing error: {len(shape)} dimensions"
        ) from None
    return shape


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


def _check_value(value, level, shape, dtype):
    """Returns how many scalars a value has; raises at the first fault."""
    if not isinstance(value, list):
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
