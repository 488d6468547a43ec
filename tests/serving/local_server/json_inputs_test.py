import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server import json_reader
from serving.local_server.json_inputs import read_inputs
from serving.local_server.json_reader import read_json
from serving.local_server.json_values import decode_base64


def infos(**dtypes):
    return {
        name: meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum)
        for name, dtype in dtypes.items()
    }


@pytest.fixture(autouse=True, params=["short", "long"])
def form(request, monkeypatch):
    """Reads lists whole, and as text in chunks of few characters."""
    if request.param == "long":
        monkeypatch.setattr(json_reader, "_MAX_WHOLE_BYTES", 0)
        monkeypatch.setattr(json_reader, "_MIN_TEXT", 1)
        monkeypatch.setattr(json_reader, "_RUN_BYTES", 12)


IDS = infos(x=tf.int64)
PAIR = infos(in0=tf.int64, in1=tf.int64)


def read(text, signature=IDS):
    return read_inputs(read_json(text.encode()), signature)


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        ('{"instances": [[1, 2], [3, 4]]}', tf.int64, [[1, 2], [3, 4]]),
        ('{"instances": [[], []]}', tf.int64, [[], []]),
        ('{"instances": [{"x": 1}, {"x": 2}]}', tf.int64, [1, 2]),
        ('{"inputs": []}', tf.int64, []),
        ('{"inputs": 5}', tf.int64, 5),
        ('{"inputs": {"x": [5], "y": 1}}', tf.int64, [5]),
        ('{"instances": [300, -1]}', tf.int8, [44, -1]),
        ('{"instances": [-1]}', tf.uint8, [255]),
        ('{"instances": [18446744073709551615]}', tf.uint64, [2**64 - 1]),
        ('{"instances": [1, 2.5, 1e300]}', tf.float32, [1, 2.5, np.inf]),
        ('{"instances": [true, false]}', tf.bool, [True, False]),
        (
            '{"instances": ["é", {"b64": "/+8"}]}',
            tf.string,
            ["é".encode(), b"\xff\xef"],
        ),
        ('{"inputs": "solo"}', tf.string, b"solo"),
    ],
)
def test_reads_values(text, dtype, expected):
    arrays, is_rows = read(text, infos(x=dtype))
    assert arrays["x"].dtype == dtype.as_numpy_dtype
    assert arrays["x"].tolist() == expected
    assert is_rows == ("instances" in text)


def test_reads_named_rows_of_an_absent_side():
    arrays, _ = read('{"instances": [{"in0": [1, 2], "in1": []}]}', PAIR)
    assert arrays["in0"].tolist() == [[1, 2]]
    assert arrays["in1"].shape == (1, 0)


def test_columns_need_no_common_size():
    arrays, _ = read('{"inputs": {"in0": [1, 2], "in1": [[3]]}}', PAIR)
    assert arrays["in0"].shape == (2,)
    assert arrays["in1"].shape == (1, 1)


ROW = (
    "Failed to process element: {} of 'instances' list. Error: "
    "INVALID_ARGUMENT: "
)


@pytest.mark.parametrize(
    ("text", "signature", "message"),
    [
        ("{}", IDS, "Missing 'inputs' or 'instances' key"),
        (
            '{"inputs": 1, "instances": [1]}',
            IDS,
            "expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        ('{"instances": 1}', IDS, "Expecting 'instances' to be an list/array"),
        ('{"instances": []}', IDS, "No values in 'instances' array"),
        (
            '{"instances": [1]}',
            PAIR,
            "instances is a plain list, but expecting list of objects",
        ),
        (
            '{"instances": [{"x": 1}, 2]}',
            IDS,
            "Expecting object but got list at item 1 of input list",
        ),
        (
            '{"instances": [1, {"x": 2}]}',
            IDS,
            "Expecting value/list but got object at item 1 of input list",
        ),
        (
            '{"instances": [{"x": 1, "q": 2}]}',
            IDS,
            "element: 0 key: q of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: q",
        ),
        (
            '{"instances": [{"in0": 1}]}',
            PAIR,
            'JSON object: {\n    "in0": 1\n} keys must be equal to: in0,in1',
        ),
        (
            '{"instances": [[1, 2], [3]]}',
            IDS,
            ROW.format(1) + "Expecting tensor size: 2 but got: 1",
        ),
        (
            '{"instances": [[1, 2], [[3, 4]]]}',
            IDS,
            ROW.format(1) + "Expecting shape [2] but got: [1,2]",
        ),
        (
            '{"instances": [[[1], [2, 3]]]}',
            IDS,
            ROW.format(0)
            + "Encountered list at unexpected size: 2 at level: 1 expected "
            "size: 1",
        ),
        (
            '{"instances": [[1, [2]]]}',
            IDS,
            ROW.format(0)
            + "Encountered list at unexpected level: 1 expected < 1",
        ),
        (
            '{"instances": [1, 2.0]}',
            IDS,
            ROW.format(1)
            + "JSON Value: 2.0 Type: Number is not of expected type: int64",
        ),
        (
            '{"instances": [true]}',
            IDS,
            "JSON Value: true Type: True is not of expected type: int64",
        ),
        (
            '{"instances": [null]}',
            IDS,
            "JSON Value: null Type: Null is not of expected type: int64",
        ),
        (
            '{"instances": [9223372036854775808]}',
            IDS,
            "Type: Number is not of expected type: int64",
        ),
        (
            '{"instances": [{"b64": "dGY="}]}',
            IDS,
            "Type: Object is not of expected type: int64",
        ),
        (
            '{"instances": [2147483648]}',
            infos(x=tf.int8),
            "2147483648 Type: Number is not of expected type: int8",
        ),
        (
            '{"instances": [-1]}',
            infos(x=tf.uint64),
            "-1 Type: Number is not of expected type: uint64",
        ),
        (
            '{"instances": [4294967296]}',
            infos(x=tf.uint32),
            "is not of expected type: uint32",
        ),
        (
            '{"instances": ["1"]}',
            infos(x=tf.float32),
            'JSON Value: "1" Type: String is not of expected type: float',
        ),
        (
            '{"instances": [1]}',
            infos(x=tf.bool),
            "Type: Number is not of expected type: bool",
        ),
        (
            '{"instances": [1]}',
            infos(x=tf.string),
            "Type: Number is not of expected type: string",
        ),
        (
            '{"instances": [{"b64": "a!!"}]}',
            infos(x=tf.string),
            ROW.format(0) + "Unable to base64 decode",
        ),
        (
            '{"instances": [[{"b64": 1}]]}',
            infos(x=tf.string),
            "not formatted correctly for base64 data",
        ),
        (
            '{"instances": [1.0]}',
            infos(x=tf.float16),
            "Error: UNIMPLEMENTED: Conversion of JSON Value: 1.0 to type: half",
        ),
        (
            '{"inputs": [[1, 2], [3]]}',
            IDS,
            "Encountered list at unexpected size: 1 at level: 1 expected "
            "size: 2",
        ),
        (
            '{"inputs": [[1], 2]}',
            IDS,
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. "
            "Expected at level: 2",
        ),
        (
            '{"inputs": null}',
            IDS,
            "JSON Value: null Type: Null is not of expected type: int64",
        ),
        (
            '{"inputs": [1]}',
            PAIR,
            "inputs is a plain value/list, but expecting an object",
        ),
        (
            '{"inputs": {"in0": 1}}',
            PAIR,
            "Missing named input: in1 in 'inputs' object.",
        ),
        ('{"instances": [1]}', {}, "Failed to get input map for signature"),
        (
            '{"inputs": %s}' % ("[" * 300 + "]" * 300),
            IDS,
            "tensor parsing error",
        ),
        (
            '{"inputs": %s}' % ("[" * 2000 + "]" * 2000),
            IDS,
            "nested deeper than 1000 levels",
        ),
    ],
)
def test_says_what_is_wrong(text, signature, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        read(text, signature)
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ('{"inputs": [1.0]}', tf.float16),
        ('{"inputs": [1]}', tf.complex64),
        ('{"inputs": %s}' % ("[" * 65 + "]" * 65), tf.int64),
    ],
    ids=["half", "complex", "65_dimensions"],
)
def test_leaves_out(text, dtype):
    with pytest.raises(tf.errors.UnimplementedError):
        read(text, infos(x=dtype))


def test_long_values_are_cut_in_errors():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        read('{"inputs": "%s"}' % ("long" * 1000))
    assert len(raised.value.message) < 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [("dGY=", b"tf"), ("dGY", b"tf"), ("d G\nY=", b"tf"), ("", b"")],
)
def test_decodes_base64(text, expected):
    assert decode_base64({"b64": text}) == expected


@pytest.mark.parametrize("text", ["d", "dGY==", "dGY=x", "dG-_", "é"])
def test_refuses_base64(text):
    with pytest.raises(tf.errors.InvalidArgumentError, match="base64 decode"):
        decode_base64({"b64": text})
