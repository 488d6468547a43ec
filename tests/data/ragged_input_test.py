import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from o2v_keras.data.ragged_input import flatten_rows

ROWS = [[5, 6, 7], [8], [], [9, 0]]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ROWS, id="lists"),
        pytest.param(tuple(map(tuple, ROWS)), id="tuples"),
        pytest.param([np.array(r, int) for r in ROWS], id="list_of_arrays"),
        pytest.param(np.array(ROWS, object), id="object_array"),
        pytest.param([[5.0, 6.0, 7.0], [8.0], [], [9, 0]], id="whole_floats"),
        pytest.param(pa.array(ROWS), id="arrow_list"),
        pytest.param(pa.array(ROWS, pa.large_list(pa.uint8())), id="large"),
        pytest.param(pa.array([[1], *ROWS])[1:], id="arrow_slice"),
        pytest.param(
            pa.chunked_array([pa.array(ROWS[:2]), pa.array(ROWS[2:])]),
            id="arrow_chunks",
        ),
        pytest.param(tf.ragged.constant(ROWS, tf.int32), id="ragged_tensor"),
        pytest.param(
            [np.array([5, 6, 7], np.uint64), np.array([8]), [], [9.0, 0]],
            id="mixed_types",
        ),
    ],
)
def test_rows_of_any_form(data):
    ids, lengths = flatten_rows(data, "in0")
    assert ids.dtype == lengths.dtype == np.int64
    assert ids.tolist() == [5, 6, 7, 8, 9, 0]
    assert lengths.tolist() == [3, 1, 0, 2]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([4, 0, 6], id="list"),
        pytest.param(np.array([4, 0, 6], np.uint16), id="array"),
        pytest.param(np.array([4, 9, 0, 9, 6])[::2], id="strided_array"),
        pytest.param(np.array([4, 0, 6], np.float16), id="half_array"),
        pytest.param(np.array([4, 0, 6], object), id="object_array"),
        pytest.param(tf.constant([4, 0, 6]), id="tensor"),
        pytest.param(pa.array([4, 0, 6]), id="arrow"),
    ],
)
def test_flat_integers_are_one_token_a_row(data):
    ids, lengths = flatten_rows(data, "in0")
    assert ids.tolist() == [4, 0, 6]
    assert lengths.tolist() == [1, 1, 1]


def test_fixed_size_lists_keep_their_zeros():
    data = pa.array([[1, 0], [0, 0]], pa.list_(pa.int16(), 2))
    ids, lengths = flatten_rows(data, "in0")
    assert ids.tolist() == [1, 0, 0, 0]
    assert lengths.tolist() == [2, 2]


def test_padded_array_loses_zeros_at_the_end_only():
    data = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [3, 4, 5, 6], [0, 7, 0, 0]])
    ids, lengths = flatten_rows(data, "in0")
    assert ids.tolist() == [1, 0, 2, 0, 3, 4, 5, 6, 0, 7]
    assert lengths.tolist() == [3, 1, 4, 2]


@pytest.mark.parametrize(
    ("data", "lengths"),
    [
        pytest.param([], [], id="list"),
        pytest.param(np.zeros(0), [], id="float_array"),
        pytest.param(np.zeros((2, 0), int), [0, 0], id="padded_array"),
        pytest.param([[], []], [0, 0], id="empty_lists"),
        pytest.param(
            pa.chunked_array([], pa.list_(pa.int64())), [], id="arrow"
        ),
    ],
)
def test_nothing_is_no_ids(data, lengths):
    ids, found = flatten_rows(data, "in0")
    assert ids.dtype == np.int64
    assert ids.tolist() == []
    assert found.tolist() == lengths


@pytest.mark.parametrize(
    ("data", "received"),
    [
        pytest.param([[1], [], [2, 2.5]], r"in1\[2\]=\[2", id="fraction"),
        pytest.param([[1], [float("nan")]], r"in1\[1\]=\[nan\]", id="nan"),
        pytest.param([[1], [True]], r"in1\[1\]=\[True\]", id="bool_in_list"),
        pytest.param([[True]], r"in1\[0\]=\[True\]", id="bool_list"),
        pytest.param([[1], ["2"]], r"in1\[1\]=\['2'\]", id="string"),
        pytest.param([[1], "23"], r"in1\[1\]='23'", id="string_row"),
        pytest.param([[1], None], r"in1\[1\]=None", id="null_row"),
        pytest.param([[1], [None, 2]], r"in1\[1\]=\[None, 2\]", id="null_id"),
        pytest.param([[1], 2, [3]], r"in1\[1\]=2", id="number_among_lists"),
        pytest.param([1, [2]], r"in1\[1\]=\[2\]", id="list_among_numbers"),
        pytest.param([[1], [2**63]], r"in1\[1\]=\[9223372", id="beyond_int64"),
        pytest.param(
            np.array([1, 2**63], np.uint64), r"in1\[1\]=9223372", id="uint64"
        ),
        pytest.param(
            np.array([1.0, 2**63]), r"in1\[1\]=9.22", id="large_float"
        ),
        pytest.param([[[1]]], r"in1\[0\]=\[\[1\]\]", id="nested_too_deep"),
        pytest.param(np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)", id="rank_3"),
        pytest.param(np.array(5), r"shape \(\)", id="rank_0"),
        pytest.param(np.array([[1, 2], [3, 0.5]]), r"in1\[1\]=", id="padded"),
        pytest.param(np.array([True]), r"in1\[0\]=True", id="bool_array"),
        pytest.param(np.array(["7"]), r"in1\[0\]='7'", id="string_array"),
        pytest.param(
            np.array([[1, "a"]], object), r"in1\[0\]=\[1, 'a'\]", id="object_2d"
        ),
        pytest.param(
            tf.ragged.constant([[1.0], [2.0, 0.5]]),
            r"in1\[1\]=\[2.0, 0.5\]",
            id="ragged_float",
        ),
        pytest.param(
            tf.ragged.constant([[[1], [2]]]),
            r"shape \(1, None, None\)",
            id="ragged_rank_3",
        ),
        pytest.param(
            pa.chunked_array([pa.array([[1]]), pa.array([[2], None])]),
            r"in1\[2\]=None",
            id="arrow_null",
        ),
        pytest.param({"in1": [1]}, "in1 of type dict", id="dict"),
    ],
)
def test_names_the_first_bad_row(data, received):
    rule = "`in1` must be rows of 64-bit integer ids"
    with pytest.raises(ValueError, match=f"{rule}.* Received: .*{received}"):
        flatten_rows(data, "in1")
