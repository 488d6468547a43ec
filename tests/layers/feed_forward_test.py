import numpy as np
import pytest

from o2v_keras.layers.feed_forward import FeedForward
from tests.checks import check_layer


def _inputs(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_layer_contract():
    check_layer(
        FeedForward,
        init_kwargs={
            "units": 5,
            "layers": 2,
            "activation": "tanh",
            "dropout": 0.25,
        },
        inputs=_inputs(2, 3),
        expected_output_shape=(2, 5),
        expected_weights={
            "dense_0/kernel": (3, 5),
            "dense_0/bias": (5,),
            "dense_1/kernel": (5, 5),
            "dense_1/bias": (5,),
        },
    )


def test_layer_contract_without_layers():
    check_layer(
        FeedForward,
        init_kwargs={"units": 5, "layers": 0},
        inputs=_inputs(2, 3),
        expected_output_shape=(2, 3),
        expected_weights={},
    )


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("linear", lambda x: x),
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
    ],
)
def test_equals_numpy_reference(activation, function):
    mlp = FeedForward(4, layers=3, activation=activation)
    inputs = expected = _inputs(6, 3)
    mlp.build(inputs.shape)
    rng = np.random.default_rng(1)
    for dense in mlp.dense_layers:
        dense.bias.assign(rng.normal(size=dense.bias.shape))
        kernel, bias = (w.numpy() for w in dense.weights)
        expected = function(expected @ kernel + bias)
    np.testing.assert_allclose(mlp(inputs), expected, rtol=1e-5, atol=1e-6)


def test_without_layers_is_the_identity():
    inputs = _inputs(2, 3)
    mlp = FeedForward(8, layers=0, dropout=1.0)
    np.testing.assert_array_equal(mlp(inputs, training=True), inputs)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_dropout_follows_every_layer(activation):
    mlp = FeedForward(2000, 2, activation=activation, dropout=0.5)
    inputs = _inputs(1, 3)
    mlp.build(inputs.shape)
    assert [dropout.rate for dropout in mlp.dropouts] == [0.5, 0.5]

    # The second layer passes each unit on, so both dropouts are seen.
    first, second = mlp.dense_layers
    first.kernel.assign(np.zeros(first.kernel.shape))
    first.bias.assign(np.ones(first.bias.shape))
    second.kernel.assign(np.eye(2000))
    outputs = mlp(inputs, training=True).numpy()
    assert set(np.unique(outputs)) == {0.0, 4.0}
    assert 0.70 < np.mean(outputs == 0) < 0.80
    np.testing.assert_array_equal(mlp(inputs), np.ones((1, 2000)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "`units` must be an integer >= 1"),
        ({"layers": -1}, "`layers` must be an integer >= 0"),
        ({"dropout": 1.5}, "`dropout` must be a number from 0 to 1"),
        ({"activation": "rleu"}, "rleu"),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedForward(**{"units": 4, "layers": 2, **arguments})
