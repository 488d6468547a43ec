import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.packed_lstm import PackedSteps
from o2v_keras.layers.packed_lstm import packed_lstm

SIZES = [4, 4, 2, 1]
# Rows of 2, 0 (packed as one step), 3 and 1 real steps.
MASK = np.array([[0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0]], bool)
STEPS = np.array([[90, 1, 2], [10, 91, 92], [3, 4, 5], [6, 93, 94]])[..., None]


def _arguments(dtype="float32"):
    rng = np.random.default_rng(0)
    shapes = [(sum(SIZES), 3), (3, 8), (2, 8), (8,)]
    inputs, *weights = (tf.constant(rng.normal(size=s), dtype) for s in shapes)
    return [inputs, tf.constant(SIZES), *weights]


def _outputs_and_gradients(arguments, training):
    inputs, sizes, *weights = arguments
    with tf.GradientTape() as tape:
        tape.watch([inputs, *weights])
        outputs = packed_lstm(inputs, sizes, *weights, training=training)
        loss = tf.reduce_sum(outputs**3)
    return outputs, *tape.gradient(loss, [inputs, *weights])


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_gradient_equals_tensorflows_own(compiled):
    function = _outputs_and_gradients
    if compiled:
        function = tf.function(function)
    expected = _outputs_and_gradients(_arguments("float64"), training=False)
    for ours, theirs in zip(
        function(_arguments("float64"), training=True), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_one_step_is_the_cell_alone():
    inputs, _, kernel, recurrent_kernel, bias = _arguments()
    gates = inputs @ kernel + bias
    gate_in, _, cell, out = np.split(gates, 4, axis=1)
    state = tf.sigmoid(gate_in) * tf.tanh(cell)
    expected = tf.sigmoid(out) * tf.tanh(state)
    outputs = packed_lstm(
        inputs, tf.constant([sum(SIZES)]), kernel, recurrent_kernel, bias
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_nothing_is_kept_unless_training():
    def arrays(training):
        arguments = _arguments()
        function = tf.function(packed_lstm).get_concrete_function(
            *arguments, training=training
        )
        operations = [op.type for op in function.graph.get_operations()]
        return operations.count("TensorListReserve")

    assert arrays(training=False) == 1
    assert arrays(training=True) == 7


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
