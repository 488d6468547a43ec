import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.packed_steps import PackedSteps

# Rows of 2, 0 (packed as one step), 3 and 1 real steps.
MASK = np.array([[0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0]], bool)
STEPS = np.array([[90, 1, 2], [10, 91, 92], [3, 4, 5], [6, 93, 94]])[..., None]


@pytest.mark.parametrize(
    ("reverse", "expected"),
    [
        (False, [3, 1, 10, 6, 4, 2, 5]),
        (True, [5, 2, 10, 6, 4, 1, 3]),
    ],
    ids=["forwards", "backwards"],
)
def test_packs_step_by_step_longest_rows_first(reverse, expected):
    packed = PackedSteps(tf.constant(MASK), reverse)
    steps = packed.pack(tf.constant(STEPS))
    np.testing.assert_array_equal(steps[:, 0], expected)
    np.testing.assert_array_equal(packed.sizes, [4, 2, 1])
    np.testing.assert_array_equal(packed.lengths, [2, 1, 3, 1])


@pytest.mark.parametrize("reverse", [False, True])
def test_unpacks_to_the_same_places(reverse):
    packed = PackedSteps(tf.constant(MASK), reverse)
    steps = packed.unpack(packed.pack(tf.constant(STEPS)), padding=-1)
    expected = np.where(MASK[..., None], STEPS, -1)
    expected[1, 0] = 10
    np.testing.assert_array_equal(steps, expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_return_to_their_steps(reverse):
    packed = PackedSteps(tf.constant(MASK), reverse)
    inputs = tf.constant(STEPS, tf.float32)
    factors = tf.constant(np.arange(1.0, 13).reshape(4, 3, 1), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = packed.unpack(packed.pack(inputs), padding=5) * factors
    gradient = tape.gradient(outputs, inputs)
    expected = np.where(MASK[..., None], factors, 0)
    expected[1, 0] = 4
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("shape", [(0, 3), (2, 1), (1, 4)])
def test_takes_batches_without_real_steps(shape):
    packed = PackedSteps(tf.zeros(shape, tf.bool))
    assert packed.sizes.numpy().tolist() == [shape[0]]
    steps = packed.pack(tf.ones((*shape, 2)))
    assert steps.shape == (shape[0], 2)
    assert packed.unpack(steps).shape == (*shape, 2)
