import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.comparator import Comparator
from o2v_keras.registry import COMPARATORS
from tests.checks import check_layer

FIRST = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
SECOND = np.array([[4.0, 3.0], [-1.0, 2.0]], "float32")
PARTS = {
    "hadamard": [[4.0, -6.0], [-3.0, 1.0]],
    "concat": [[1.0, -2.0, 4.0, 3.0], [3.0, 0.5, -1.0, 2.0]],
    "abs_diff": [[3.0, 5.0], [4.0, 1.5]],
    "dot": [[-2.0], [-2.0]],
    "cosine": [[-2.0 / 125**0.5], [-2.0 / (9.25 * 5) ** 0.5]],
    # Two numbers are one block.
    "block_cosine": [[-2.0 / 125**0.5], [-2.0 / (9.25 * 5) ** 0.5]],
}


def test_block_cosine_compares_32_numbers_at_a_time():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 70)).astype("float32")
    second[:, :32] = -2 * first[:, :32]
    outputs = Comparator(["block_cosine"])([first, second]).numpy()
    assert outputs.shape == (3, 3)
    np.testing.assert_allclose(outputs[:, 0], -1, rtol=1e-6)
    tails = first[:, 64:], second[:, 64:]
    lengths = [np.linalg.norm(tail, axis=1) for tail in tails]
    expected = (tails[0] * tails[1]).sum(axis=1) / (lengths[0] * lengths[1])
    np.testing.assert_allclose(outputs[:, 2], expected, rtol=1e-5)


def test_block_cosine_of_zeros_is_zero():
    outputs = Comparator(["block_cosine"])(
        [np.zeros((1, 64)), np.ones((1, 64))]
    )
    np.testing.assert_array_equal(outputs, [[0, 0]])


def test_layer_contract():
    check_layer(
        Comparator,
        init_kwargs={"operations": ["abs_diff", "concat"]},
        inputs=[FIRST, SECOND],
        expected_output_shape=(2, 6),
        expected_weights={},
    )


@pytest.mark.parametrize(
    "operations",
    [
        ("hadamard", "concat", "abs_diff"),
        ["abs_diff", "hadamard"],
        ("concat",),
        ("concat", "abs_diff", "hadamard"),
        ("cosine", "dot", "block_cosine"),
    ],
    ids=lambda operations: "-".join(operations),
)
def test_results_come_in_list_order(operations):
    outputs = Comparator(operations)([FIRST, SECOND])
    expected = np.concatenate([PARTS[name] for name in operations], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_default_operations_are_sagemakers():
    assert Comparator().operations == ("hadamard", "concat", "abs_diff")


def test_a_configuration_knows_all_of_them_before_any_is_made():
    assert set(COMPARATORS._built_in) == set(PARTS)


def test_takes_registered_operations(monkeypatch):
    monkeypatch.setattr(COMPARATORS, "_builders", {**COMPARATORS._builders})

    @COMPARATORS.register("euclidean")
    def euclidean(first, second):
        return keras.ops.norm(first - second, axis=-1, keepdims=True)

    outputs = Comparator(["euclidean", "hadamard"])([FIRST, FIRST])
    np.testing.assert_allclose(outputs[:, 0], [0, 0], rtol=1e-6)
    assert outputs.shape == (2, 3)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_cosine_has_finite_gradients_everywhere(dtype):
    comparator = Comparator(["cosine"], dtype=dtype)
    first = tf.Variable([[0.0, 0.0], [300.0, 400.0]])
    with tf.GradientTape() as tape:
        cosines = comparator([first, first])
    np.testing.assert_allclose(cosines, [[0.0], [1.0]], rtol=1e-3)
    assert np.isfinite(tape.gradient(cosines, first)).all()


def test_unknown_operation_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="hadamard, concat, abs_diff, dot, .*'euclid'"
    ):
        Comparator(["hadamard", "euclid"])


@pytest.mark.parametrize("operations", [(), "hadamard", None])
def test_rejects_other_than_a_list_of_names(operations):
    with pytest.raises(ValueError, match="`operations` must be a list"):
        Comparator(operations)


def test_rejects_encodings_of_different_sizes():
    with pytest.raises(
        ValueError, match=r"same size. Received: shapes \(2, 2\) and \(2, 1\)"
    ):
        Comparator()([FIRST, SECOND[:, :1]])


def test_rejects_different_sizes_in_later_calls():
    comparator = Comparator()
    comparator([FIRST, SECOND])
    with pytest.raises(ValueError, match=r"value 2.*shape \(2, 1\)"):
        comparator([FIRST, SECOND[:, :1]])


def test_rejects_other_than_two_inputs():
    with pytest.raises(ValueError, match=r"expects 2 input\(s\)"):
        Comparator()([FIRST, SECOND, FIRST])
