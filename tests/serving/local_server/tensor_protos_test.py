import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from serving.local_server.tensor_protos import fill_proto
from serving.local_server.tensor_protos import to_array

DTYPES = [
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool"),
]


def proto(dtype, shape, content=b"", **values):
    message = tensor_pb2.TensorProto(
        dtype=dtype.as_datatype_enum, tensor_content=content, **values
    )
    message.tensor_shape.SetInParent()
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16", "string"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)], ids=str)
def test_arrays_make_the_round_trip(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    if dtype == "string":
        array = np.array(np.char.mod("%d", array), bytes).astype(object)
        array = np.array(array, object).reshape(shape)
    elif dtype == "bfloat16":
        array = array.astype(ml_dtypes.bfloat16)
    else:
        array = array.astype(dtype)
    message = tensor_pb2.TensorProto()
    fill_proto(message, array)
    assert not message.tensor_content
    assert message.HasField("tensor_shape")
    for reader in (to_array, tf.make_ndarray):
        back = reader(message)
        assert back.dtype == array.dtype
        assert back.shape == shape
        assert back.tolist() == array.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_reads_what_make_tensor_proto_writes(dtype):
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    message = tf.make_tensor_proto(array)
    np.testing.assert_array_equal(to_array(message), array)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], [[7, 7], [7, 7]]),
        ([7, 8], [[7, 8], [8, 8]]),
        ([], [[0, 0], [0, 0]]),
        ([1, 2, 3, 4, 5], [[1, 2], [3, 4]]),
    ],
    ids=["one", "few", "none", "many"],
)
def test_counts_that_do_not_fit_the_shape(values, expected):
    message = proto(tf.int64, (2, 2), int64_val=values)
    assert to_array(message).tolist() == expected


def test_small_integers_are_cut():
    assert to_array(proto(tf.int8, (1,), int_val=[300])).tolist() == [44]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            proto(tf.float32, (2,), b"12345"), id="content_of_5_bytes"
        ),
        pytest.param(proto(tf.float32, (2,), b"1234"), id="content_too_short"),
        pytest.param(proto(tf.string, (1,), b"\1a"), id="strings_in_content"),
        pytest.param(proto(tf.float32, (-1,)), id="negative_size"),
        pytest.param(proto(tf.float32, (1,) * 255), id="255_dimensions"),
        pytest.param(proto(tf.float32, (0, 2**62, 2**62)), id="overflow"),
        pytest.param(tensor_pb2.TensorProto(dtype=0), id="no_dtype"),
        pytest.param(tensor_pb2.TensorProto(dtype=99), id="unknown_dtype"),
    ],
)
def test_refuses_what_is_no_tensor(message):
    with pytest.raises(ValueError):
        to_array(message)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (proto(tf.complex64, (1,)), tf.errors.UnimplementedError),
        (proto(tf.float32, (1,) * 65), tf.errors.UnimplementedError),
        (proto(tf.int8, (10**12,)), tf.errors.ResourceExhaustedError),
    ],
    ids=["complex", "65_dimensions", "10^12_values"],
)
def test_does_not_take_every_tensor(message, error):
    with pytest.raises(error):
        to_array(message)
