import json

import numpy as np
import pytest
import tensorflow as tf

from serving.local_server.json_answers import classes_text
from serving.local_server.json_answers import columns_text
from serving.local_server.json_answers import number_texts
from serving.local_server.json_answers import rows_text


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[1.5, 2]], np.float32), [[1.5, 2.0]]),
        (np.array([2**63 - 1]), [2**63 - 1]),
        (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
        (np.array([True, False]), [True, False]),
        (np.array([b'a"\n', "é/".encode()], object), ['a"\n', "é/"]),
        (np.zeros((2, 0), np.float32), [[], []]),
        (np.zeros((2, 2, 0), np.float32), [[[], []], [[], []]]),
        (np.zeros((0, 3), np.float32), []),
        (np.zeros((2, 0), np.float16), [[], []]),
        (np.arange(8).reshape(2, 2, 2), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]),
    ],
)
def test_writes_an_only_output_bare(array, expected):
    assert json.loads(rows_text({"y": array})) == {"predictions": expected}
    assert json.loads(columns_text({"y": array})) == {"outputs": expected}


def test_writes_several_outputs_by_name():
    outputs = {"a": np.array([1, 2]), "b": np.array([[0.5], [1.5]])}
    assert json.loads(rows_text(outputs)) == {
        "predictions": [{"a": 1, "b": [0.5]}, {"a": 2, "b": [1.5]}]
    }
    assert json.loads(columns_text(outputs)) == {
        "outputs": {"a": [1, 2], "b": [[0.5], [1.5]]}
    }


def test_bytes_are_in_base64_only_by_their_name():
    array = np.array([b"tf"], object)
    assert json.loads(rows_text({"y_bytes": array})) == {
        "predictions": [{"b64": "dGY="}]
    }


def test_bytes_that_are_no_text_are_passed_on():
    text = rows_text({"y": np.array([b"\xff"], object)})
    assert b'"\xff"' in text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": np.float32(1)}, "Tensor name: y has no shape information "),
        (
            {"a": np.zeros(2), "b": np.zeros(4)},
            "Tensor name: b has inconsistent batch size: 4 expecting: 2",
        ),
        (
            {"y": np.zeros(1, np.float16)},
            "Failed to write JSON value for tensor type: half",
        ),
        (
            {"y": np.zeros(1, np.uint16)},
            "Failed to write JSON value for tensor type: uint16",
        ),
    ],
)
def test_rows_that_cannot_be_written(outputs, message):
    outputs = {name: np.asarray(array) for name, array in outputs.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        rows_text(outputs)


def test_columns_may_be_of_any_shape():
    outputs = {"a": np.array(1), "b": np.zeros((2, 1), bool)}
    assert json.loads(columns_text(outputs)) == {
        "outputs": {"a": 1, "b": [[False], [False]]}
    }


def test_classes_need_no_examples_to_have_any():
    empty = np.zeros((2, 0))
    text = classes_text(empty.astype(object), empty.astype(np.float32))
    assert json.loads(text) == {"results": [[], []]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (100000, "100000.0"),
        (1000000, "1e+06"),
        (16777216, "16777216.0"),
        (1e22, "1e+22"),
        (0.1, "0.1"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
        (1e-45, "1.4013e-45"),
        (3.4028235e38, "3.40282347e+38"),
        (np.nan, "NaN"),
        (-np.inf, "-Infinity"),
    ],
)
def test_floats_take_six_digits_or_nine(value, text):
    assert number_texts(np.array([value], np.float32)) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (0.123456789, "0.123456789"), (1e300, "1e+300")],
)
def test_doubles_take_six_digits_or_seventeen(value, text):
    (found,) = number_texts(np.array([value], np.float64))
    assert float(found) == float(text) == value
    assert len(found) <= 20


def test_numbers_read_back_as_they_were():
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32)
    array = bits.view(np.float32)
    array = array[np.isfinite(array)]
    back = np.array(number_texts(array), np.float64).astype(np.float32)
    np.testing.assert_array_equal(back, array)
