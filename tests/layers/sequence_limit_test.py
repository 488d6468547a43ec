import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.sequence_limit import SequenceLimit
from tests.checks import check_layer


def test_layer_contract():
    check_layer(
        SequenceLimit,
        init_kwargs={"max_length": 3},
        inputs=np.arange(10).reshape(2, 5),
        expected_output_shape=(2, 3),
        expected_weights={},
        expected_output_dtype="int64",
    )


CASES = [
    pytest.param([[], []], [[0], [0]], id="no_steps_become_one"),
    pytest.param([[4], [0]], [[4], [0]], id="one_step"),
    pytest.param([[1, 2, 3], [4, 5, 0]], [[1, 2, 3], [4, 5, 0]], id="limit"),
    pytest.param(
        [[1, 2, 3, 4], [0, 5, 6, 7]], [[1, 2, 3], [0, 5, 6]], id="cut"
    ),
]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(("ids", "expected"), CASES)
def test_keeps_first_steps_and_at_least_one(ids, expected, dtype):
    outputs = SequenceLimit(3)(np.array(ids, dtype))
    assert outputs.dtype == dtype
    np.testing.assert_array_equal(outputs, expected)


def test_one_graph_serves_every_length():
    limit = SequenceLimit(3)
    traced = tf.function(
        limit, input_signature=[tf.TensorSpec([None, None], "int64")]
    )
    for case in CASES:
        ids, expected = case.values
        outputs = traced(tf.constant(ids, "int64"))
        np.testing.assert_array_equal(outputs, expected)


def test_ids_above_int32_survive():
    ids = np.array([[2**40 + 1]])
    np.testing.assert_array_equal(SequenceLimit(3)(ids), ids)


def test_symbolic_length_is_unknown():
    outputs = SequenceLimit(3)(keras.Input((None,), dtype="int64"))
    assert outputs.shape == (None, None)
    assert outputs.dtype == "int64"


def test_rejects_invalid_max_length():
    with pytest.raises(ValueError, match="`max_length` must be an integer"):
        SequenceLimit(0)
