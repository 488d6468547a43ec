import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.bilstm_encoder import BiLSTMEncoder
from tests.checks import check_padding_invariance
from tests.checks import check_sequence_encoder


def test_layer_contract():
    check_sequence_encoder(
        BiLSTMEncoder,
        init_kwargs={
            "output_dim": 6,
            "layers": 2,
            "dropout": 0.25,
            "use_cudnn": False,
        },
        input_shape=(2, 3, 4),
        expected_output_shape=(2, 6),
        expected_weights={
            f"{direction}_{i}/lstm_cell/{weight}": shape
            for i, input_dim in enumerate((4, 6))
            for direction in ("forward", "backward")
            for weight, shape in {
                "kernel": (input_dim, 12),
                "recurrent_kernel": (3, 12),
                "bias": (12,),
            }.items()
        },
    )


@pytest.fixture(params=["cpu", "cudnn"])
def path(request, monkeypatch):
    """Runs what a GPU would run, with the LSTMs of Keras on the CPU."""
    if request.param == "cudnn":
        _take_cudnn(monkeypatch)


def _take_cudnn(monkeypatch):
    gpus = {"GPU": ["GPU:0"]}
    monkeypatch.setattr(tf.config, "list_logical_devices", gpus.get)
    # Keras itself must still find no GPU to run on.
    inner_loop = keras.layers.LSTM.inner_loop

    def on_cpu(self, *args, **kwargs):
        with monkeypatch.context() as context:
            context.setattr(tf.config, "list_logical_devices", lambda _: [])
            return inner_loop(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", on_cpu)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("position", ["right", "left", "anywhere"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_padding_never_changes_an_encoding(dtype, position):
    encoder = BiLSTMEncoder(6, layers=2, dtype=dtype)
    check_padding_invariance(encoder, features=4, position=position)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _lstm_reference(lstm, inputs):
    """Runs the LSTM equations a step at a time."""
    kernel, recurrent_kernel, bias = (w.numpy() for w in lstm.weights)
    hidden = cell = np.zeros(lstm.units)
    outputs = []
    for x in inputs:
        gates = x @ kernel + hidden @ recurrent_kernel + bias
        i, f, c, o = np.split(gates, 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
        hidden = _sigmoid(o) * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs)


def _reference(encoder, inputs, mask):
    """Encodes one sequence by the formulas."""
    hidden = inputs[mask]
    if not len(hidden):
        return np.zeros(encoder.output_dim)
    for forward, backward in zip(
        encoder.forward_lstms, encoder.backward_lstms, strict=True
    ):
        hidden = np.concatenate(
            [
                _lstm_reference(forward, hidden),
                _lstm_reference(backward, hidden[::-1])[::-1],
            ],
            axis=-1,
        )
    return hidden.max(axis=0)


def _randomize_weights(encoder):
    rng = np.random.default_rng(1)
    for weight in encoder.weights:
        weight.assign(rng.normal(size=weight.shape))


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("layers", [1, 3])
def test_equals_numpy_reference(layers):
    rng = np.random.default_rng(0)
    encoder = BiLSTMEncoder(8, layers)
    encoder.build((None, None, 3))
    _randomize_weights(encoder)
    inputs = rng.normal(size=(6, 5, 3)).astype("float32")
    mask = rng.random((6, 5)) < 0.6
    mask[0], mask[-1] = True, False
    expected = [
        _reference(encoder, row, row_mask)
        for row, row_mask in zip(inputs, mask, strict=True)
    ]
    outputs = encoder(inputs, mask=mask)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_equals_keras_bidirectional_on_right_padding():
    rng = np.random.default_rng(0)
    encoder = BiLSTMEncoder(8)
    bidirectional = keras.layers.Bidirectional(
        keras.layers.LSTM(4, return_sequences=True)
    )
    for layer in (encoder, bidirectional):
        layer.build((None, None, 3))
    _randomize_weights(encoder)
    bidirectional.set_weights(encoder.get_weights())
    inputs = rng.normal(size=(3, 5, 3)).astype("float32")
    mask = np.arange(5) < np.array([[5], [3], [1]])
    steps = bidirectional(inputs, mask=mask).numpy()
    expected = np.where(mask[..., None], steps, -np.inf).max(axis=1)
    outputs = encoder(inputs, mask=mask)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_equal_those_of_keras(layers, training, monkeypatch):
    rng = np.random.default_rng(0)
    encoder = BiLSTMEncoder(8, layers)
    encoder.build((None, None, 3))
    _randomize_weights(encoder)
    inputs = tf.constant(rng.normal(size=(6, 5, 3)), tf.float32)
    mask = rng.random((6, 5)) < 0.6
    mask[0], mask[-1] = True, False

    def gradients():
        weights = [weight.value for weight in encoder.weights]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            encodings = encoder(inputs, mask=mask, training=training)
            loss = tf.reduce_sum(encodings * np.arange(8))
        return tape.gradient(loss, [inputs, *weights])

    ours = gradients()
    _take_cudnn(monkeypatch)
    for gradient, expected in zip(ours, gradients(), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_no_mask_enters_the_lstms(monkeypatch):
    masks = []
    _take_cudnn(monkeypatch)
    inner_loop = keras.layers.LSTM.inner_loop

    def spy(self, sequences, initial_state, mask, training=False):
        masks.append(mask)
        return inner_loop(self, sequences, initial_state, mask, training)

    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", spy)
    model = keras.Sequential([keras.layers.Masking(), BiLSTMEncoder(4, 2)])
    model(np.array([[[0.0], [1.0], [0.0]]]))
    assert len(masks) >= 4
    assert all(mask is None for mask in masks)


def test_dropout_acts_between_layers_only():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 3, 4)).astype("float32")
    single = BiLSTMEncoder(6, layers=1, dropout=1.0)
    np.testing.assert_array_equal(single(inputs, training=True), single(inputs))

    double = BiLSTMEncoder(6, layers=2, dropout=1.0)
    double.build(inputs.shape)
    _randomize_weights(double)
    # The second layer receives zeros.
    last = BiLSTMEncoder(6)
    last.build((None, None, 6))
    last.set_weights(double.get_weights()[6:])
    np.testing.assert_allclose(
        double(inputs, training=True), last(np.zeros((2, 3, 6))), rtol=1e-6
    )


def test_use_cudnn_reaches_the_lstms():
    encoder = BiLSTMEncoder(6, layers=2, use_cudnn=False)
    lstms = encoder.forward_lstms + encoder.backward_lstms
    assert [lstm.use_cudnn for lstm in lstms] == [False] * 4


def test_use_cudnn_can_be_set_before_tracing():
    encoder = BiLSTMEncoder(6, layers=2)
    assert encoder.use_cudnn == "auto"
    encoder.use_cudnn = False
    assert encoder.get_config()["use_cudnn"] is False
    lstms = encoder.forward_lstms + encoder.backward_lstms
    assert [lstm.use_cudnn for lstm in lstms] == [False] * 4
    with pytest.raises(ValueError, match="`use_cudnn` must be one of"):
        encoder.use_cudnn = "never"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_dim": 0}, "`output_dim` must be an integer >= 1"),
        ({"output_dim": 7}, "`output_dim` must be even.*output_dim=7"),
        ({"layers": 0}, "`layers` must be an integer >= 1"),
        ({"dropout": 2}, "`dropout` must be a number from 0 to 1"),
        ({"use_cudnn": "yes"}, "`use_cudnn` must be one of .*'yes'"),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BiLSTMEncoder(**{"output_dim": 8, **arguments})
