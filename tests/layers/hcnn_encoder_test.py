import numpy as np
import pytest

from o2v_keras.layers.hcnn_encoder import HCNNEncoder
from tests.checks import check_padding_invariance
from tests.checks import check_sequence_encoder


def test_layer_contract():
    check_sequence_encoder(
        HCNNEncoder,
        init_kwargs={
            "output_dim": 11,
            "layers": 2,
            "filter_width": 2,
            "dropout": 0.25,
        },
        input_shape=(2, 3, 4),
        expected_output_shape=(2, 11),
        expected_weights={
            "conv_0/kernel": (2, 4, 6),
            "conv_0/bias": (6,),
            "conv_1/kernel": (2, 6, 5),
            "conv_1/bias": (5,),
        },
    )


@pytest.mark.parametrize("position", ["right", "left"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_padding_never_changes_an_encoding(dtype, position):
    encoder = HCNNEncoder(10, layers=3, dtype=dtype)
    encoder.build((None, None, 4))
    _randomize_biases(encoder)
    check_padding_invariance(encoder, features=4, position=position)


def _randomize_biases(encoder):
    rng = np.random.default_rng(1)
    for convolution in encoder.convolutions:
        convolution.bias.assign(rng.uniform(0.1, 0.9, convolution.bias.shape))


def _reference(encoder, inputs, mask):
    """Encodes one sequence by the formulas, a step at a time."""
    hidden = inputs * mask[:, None]
    maxima = []
    for convolution in encoder.convolutions:
        kernel, bias = (w.numpy() for w in convolution.weights)
        width = len(kernel)
        before = (width - 1) // 2
        padded = np.pad(hidden, [(before, width - 1 - before), (0, 0)])
        hidden = np.stack(
            [
                np.einsum("wi,wio->o", padded[t : t + width], kernel) + bias
                for t in range(len(inputs))
            ]
        )
        hidden = np.maximum(hidden, 0) * mask[:, None]
        maxima.append(hidden.max(axis=0))
    return np.concatenate(maxima)


@pytest.mark.parametrize("filter_width", [1, 2, 3, 9])
@pytest.mark.parametrize(("output_dim", "layers"), [(7, 1), (10, 4)])
def test_equals_numpy_reference(output_dim, layers, filter_width):
    rng = np.random.default_rng(0)
    encoder = HCNNEncoder(output_dim, layers, filter_width)
    encoder.build((None, None, 3))
    _randomize_biases(encoder)
    inputs = rng.normal(size=(5, 6, 3)).astype("float32")
    mask = rng.random((5, 6)) < 0.7
    mask[-1] = False
    expected = [
        _reference(encoder, row, row_mask)
        for row, row_mask in zip(inputs, mask, strict=True)
    ]
    outputs = encoder(inputs, mask=mask)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("output_dim", "layers", "expected"),
    [
        (16, 4, (4, 4, 4, 4)),
        (10, 4, (3, 3, 2, 2)),
        (7, 3, (3, 2, 2)),
        (4, 4, (1, 1, 1, 1)),
        (5, 1, (5,)),
    ],
)
def test_filters_sum_to_output_dim(output_dim, layers, expected):
    encoder = HCNNEncoder(output_dim, layers)
    assert encoder.filters == expected
    assert encoder(np.ones((1, 2, 3))).shape == (1, output_dim)


def test_has_the_parameters_of_sagemakers_snli_log():
    encoder = HCNNEncoder(output_dim=16)
    encoder.build((None, None, 300))
    counts = [conv.count_params() for conv in encoder.convolutions]
    assert counts == [3604, 52, 52, 52]


def test_dropout_acts_between_convolutions_only():
    encoder = HCNNEncoder(output_dim=6, layers=2, dropout=1.0)
    inputs = np.random.default_rng(0).normal(size=(2, 4, 5))
    encoder.build(inputs.shape)
    _randomize_biases(encoder)
    outputs = encoder(inputs, training=True)
    # Nothing but its bias is left of the second convolution.
    expected = encoder(inputs).numpy()
    expected[:, 3:] = encoder.convolutions[1].bias
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_dim": 0}, "`output_dim` must be an integer >= 1"),
        ({"layers": 0}, "`layers` must be an integer >= 1"),
        ({"filter_width": 0}, "`filter_width` must be an integer >= 1"),
        ({"dropout": -1}, "`dropout` must be a number from 0 to 1"),
        (
            {"output_dim": 3, "layers": 4},
            "`output_dim` must be at least `layers`.*"
            "Received: output_dim=3, layers=4",
        ),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        HCNNEncoder(**{"output_dim": 8, **arguments})
