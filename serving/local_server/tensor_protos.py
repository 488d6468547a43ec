"""`TensorProto` messages to arrays and back, as TensorFlow's C++ does it."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.framework import types_pb2

from serving.errors import unimplemented
from serving.local_server.limits import MAX_BODY_BYTES
from serving.signature_step import dtype_name

_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
    types_pb2.DT_STRING: "string_val",
}
_ARRAY_DTYPES = {
    number: np.dtype(tf.as_dtype(number).as_numpy_dtype) for number in _FIELDS
}
_NUMBERS = {dtype: number for number, dtype in _ARRAY_DTYPES.items()}
# A packed field begins with its number and the mark of a length:
# https://protobuf.dev/programming-guides/encoding/#packed
_PACKED_KEYS = {
    field.name: bytes([field.number << 3 | 2])
    for field in tensor_pb2.TensorProto.DESCRIPTOR.fields
    if field.name in ("float_val", "double_val")
}
# NumPy's, where TensorFlow takes 254 dimensions.
_MAX_RANK = 64
_HALVES = {types_pb2.DT_HALF, types_pb2.DT_BFLOAT16}


def to_array(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor of a request.

    Args:
        proto: Message with its values in `tensor_content` or in the typed
            field. Of the latter, too few are continued with the last, none
            at all means zeros, and too many are cut off.

    Returns:
        Array of the message's dtype and shape; strings as `bytes` objects.

    Raises:
        ValueError: If the message is no tensor.
        tf.errors.OpError: If it is one that this server does not take.

    Example:
    >>> to_array(tf.make_tensor_proto([[1, 2]], tf.int64)).tolist()
    [[1, 2]]
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError("unknown shape")
    check_rank(len(shape))
    field = _field(proto.dtype)
    dtype = _ARRAY_DTYPES[proto.dtype]
    count = math.prod(shape)
    if proto.tensor_content and count:
        values = np.frombuffer(proto.tensor_content, dtype)
        if len(values) != count:
            raise ValueError("content of another size")
        return values.reshape(shape)
    # The field of the small integers holds 32 bits, of which some are cut.
    wide = np.int32 if field in ("int_val", "half_val") else dtype
    values = np.array(getattr(proto, field)[:count], wide)
    if proto.dtype in _HALVES:
        values = values.astype(np.uint16).view(dtype)
    return _fill(values.astype(dtype, copy=False), count).reshape(shape)


def fill_proto(proto: tensor_pb2.TensorProto, array: np.ndarray):
    """Writes a tensor of an answer, its values in the typed field.

    Args:
        proto: Empty message to fill.
        array: Array of a dtype of TensorFlow; strings as `bytes` objects.

    Raises:
        tf.errors.UnimplementedError: If this server cannot send the dtype.

    Example:
    >>> proto = tensor_pb2.TensorProto()
    >>> fill_proto(proto, np.array([1.5], np.float32))
    >>> proto.float_val
    [1.5]
    """
    number = _NUMBERS.get(array.dtype)
    if number is None:
        number = tf.as_dtype(array.dtype).as_datatype_enum
    proto.dtype = number
    field = _field(number)
    # The shape of a scalar is not unknown, but empty.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if field in _PACKED_KEYS:
        _append_packed(proto, field, array)
        return
    if number in _HALVES:
        array = array.view(np.uint16)
    getattr(proto, field).extend(array.ravel().tolist())


def check_rank(rank: int):
    """Raises for a number of dimensions that is too large.

    Raises:
        ValueError: If it is more than TensorFlow's 254.
        tf.errors.UnimplementedError: If it is more than NumPy's 64.
    """
    if rank > 254:
        raise ValueError("too many dimensions")
    if rank > _MAX_RANK:
        raise unimplemented(f"Tensors of more than {_MAX_RANK} dimensions")


def _field(dtype):
    if dtype in _FIELDS:
        return _FIELDS[dtype]
    if dtype not in types_pb2.DataType.values() or not dtype:
        raise ValueError("unknown dtype")
    raise unimplemented(f"Tensors of type {dtype_name(dtype)}")


def _fill(values, count):
    missing = count - len(values)
    if missing <= 0:
        return values
    # The message may be small and its tensor as large as one likes.
    if count * values.dtype.itemsize > MAX_BODY_BYTES:
        raise tf.errors.ResourceExhaustedError(
            None,
            None,
            f"The tensor's shape stands for {count} values, of which the "
            f"message holds {len(values)}; the others would repeat the last "
            f"and take more than {MAX_BODY_BYTES} bytes. Send fewer rows.",
        )
    zero = b"" if values.dtype == object else 0
    last = values[-1] if len(values) else zero
    return np.concatenate([values, np.full(missing, last, values.dtype)])


def _append_packed(proto, field, array):
    """Appends floats as they lie in memory, not one by one."""
    values = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    length, rest = bytearray(), len(values)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    length.append(rest)
    proto.MergeFromString(b"".join((_PACKED_KEYS[field], length, values)))
