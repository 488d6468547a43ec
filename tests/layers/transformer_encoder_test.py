import numpy as np
import pytest

from o2v_keras.layers.transformer_encoder import TransformerEncoder
from tests.checks import check_padding_invariance
from tests.checks import check_sequence_encoder


def test_layer_contract():
    check_sequence_encoder(
        TransformerEncoder,
        init_kwargs={
            "output_dim": 8,
            "layers": 1,
            "heads": 2,
            "feed_forward_dim": 6,
            "pooling": "first",
            "dropout": 0.25,
        },
        input_shape=(2, 3, 4),
        expected_output_shape=(2, 8),
        expected_weights={
            "projection/kernel": (4, 8),
            "block_0/attention_norm/scale": (8,),
            "block_0/queries_keys_values/kernel": (8, 24),
            "block_0/attended/kernel": (8, 8),
            "block_0/feed_forward_norm/scale": (8,),
            "block_0/inner/kernel": (8, 6),
            "block_0/outer/kernel": (6, 8),
            "norm/scale": (8,),
        },
    )


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("position", ["right", "left", "anywhere"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_padding_never_changes_an_encoding(dtype, position, pooling):
    encoder = TransformerEncoder(8, heads=2, pooling=pooling, dtype=dtype)
    check_padding_invariance(encoder, features=4, position=position)


def _norm(vectors, scale):
    return vectors / np.sqrt((vectors**2).mean(-1, keepdims=True)) * scale


def _rotated(vector, position):
    """Rotates the pairs of one head's vector, as complex numbers."""
    first, second = np.split(vector, 2)
    waves = 10_000.0 ** (-np.arange(len(first)) / len(first))
    turned = (first + 1j * second) * np.exp(1j * position * waves)
    return np.concatenate([turned.real, turned.imag])


def _attended(hidden, kernel, heads):
    """Attends from every step to every step, a head and a step at a time."""
    parts = (hidden @ kernel).reshape(len(hidden), 3, heads, -1)
    rows = []
    for step in range(len(hidden)):
        row = []
        for head in range(heads):
            query = _rotated(parts[step, 0, head], step)
            logits = np.array(
                [
                    query @ _rotated(parts[other, 1, head], other)
                    for other in range(len(hidden))
                ]
            )
            shares = np.exp(logits / np.sqrt(len(query)))
            row.append(shares @ parts[:, 2, head] / shares.sum())
        rows.append(np.concatenate(row))
    return np.stack(rows)


def _reference(encoder, inputs, mask):
    """Encodes one sequence by the formulas."""
    hidden = inputs[mask].astype("float64")
    if not len(hidden):
        return np.zeros(encoder.output_dim)
    if encoder.projection is not None:
        hidden = hidden @ encoder.projection.kernel.numpy()
    for block in encoder.blocks:
        norm0, fused, attended, norm1, inner, outer = block.get_weights()
        hidden = hidden + (
            _attended(_norm(hidden, norm0), fused, encoder.heads) @ attended
        )
        between = np.maximum(_norm(hidden, norm1) @ inner, 0)
        hidden = hidden + between @ outer
    steps = _norm(hidden, encoder.norm.scale.numpy())
    return steps[0] if encoder.pooling == "first" else steps.mean(axis=0)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize(
    ("features", "heads", "feed_forward_dim"), [(3, 2, 5), (8, 1, None)]
)
def test_equals_numpy_reference(features, heads, feed_forward_dim, pooling):
    rng = np.random.default_rng(0)
    encoder = TransformerEncoder(8, 2, heads, feed_forward_dim, pooling=pooling)
    encoder.build((None, None, features))
    for weight in encoder.weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    inputs = rng.normal(size=(6, 7, features)).astype("float32")
    mask = rng.random((6, 7)) < 0.6
    mask[0], mask[-1] = True, False
    expected = [
        _reference(encoder, row, row_mask)
        for row, row_mask in zip(inputs, mask, strict=True)
    ]
    outputs = encoder(inputs, mask=mask)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_steps_counts():
    inputs = np.random.default_rng(0).normal(size=(1, 4, 8))
    encoder = TransformerEncoder(8)
    outputs = encoder(inputs).numpy(), encoder(inputs[:, ::-1]).numpy()
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_feed_forward_is_four_times_as_wide_unless_said_otherwise():
    encoder = TransformerEncoder(8)
    encoder.build((None, None, 8))
    assert encoder.blocks[0].inner.kernel.shape == (8, 32)
    # No projection where widths agree.
    assert len(encoder.weights) == 2 * 6 + 1


def test_dropout_leaves_the_residual_path():
    inputs = np.random.default_rng(0).normal(size=(2, 3, 8))
    encoder = TransformerEncoder(8, dropout=1.0)
    outputs = encoder(inputs, training=True)
    expected = _norm(inputs, 1).mean(axis=1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(encoder(inputs) - expected).max() > 1e-2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_dim": 0}, "`output_dim` must be an integer >= 1"),
        ({"layers": 0}, "`layers` must be an integer >= 1"),
        ({"heads": 0}, "`heads` must be an integer >= 1"),
        ({"feed_forward_dim": 0}, "`feed_forward_dim` must be an integer >="),
        ({"dropout": 2}, "`dropout` must be a number from 0 to 1"),
        ({"pooling": "max"}, '`pooling` must be "mean" or "first".*\'max\''),
        (
            {"output_dim": 9, "heads": 2},
            "`output_dim` must be a multiple of 2 .*output_dim=9, heads=2",
        ),
        (
            {"output_dim": 12, "heads": 4},
            "`output_dim` must be a multiple of 2 .*output_dim=12, heads=4",
        ),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TransformerEncoder(**{"output_dim": 8, **arguments})
