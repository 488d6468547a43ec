import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.packed_lstm import packed_lstm

SIZES = [4, 4, 2, 1]


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
