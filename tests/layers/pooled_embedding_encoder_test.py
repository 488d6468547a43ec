import numpy as np
import pytest

from o2v_keras.layers.pooled_embedding_encoder import PooledEmbeddingEncoder
from tests.checks import check_padding_invariance
from tests.checks import check_sequence_encoder


def test_layer_contract():
    check_sequence_encoder(
        PooledEmbeddingEncoder,
        init_kwargs={"dropout": 0.25},
        input_shape=(2, 3, 4),
        expected_output_shape=(2, 4),
        expected_weights={},
    )


@pytest.mark.parametrize("position", ["right", "left", "anywhere"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_padding_never_changes_an_encoding(dtype, position):
    encoder = PooledEmbeddingEncoder(dtype=dtype)
    check_padding_invariance(encoder, features=3, position=position)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        pytest.param([1, 1, 1], [5.0, -2.0], id="no_padding"),
        pytest.param([1, 1, 0], [2.0, -4.0], id="right_padding"),
        pytest.param([1, 0, 1], [6.0, -0.5], id="padding_within"),
        pytest.param([0, 1, 0], [3.0, -5.0], id="one_real_step"),
        pytest.param([0, 0, 0], [0.0, 0.0], id="only_padding"),
    ],
)
def test_mean_over_real_steps(mask, expected):
    inputs = np.array([[[1.0, -3.0], [3.0, -5.0], [11.0, 2.0]]], "float32")
    outputs = PooledEmbeddingEncoder()(inputs, mask=np.array([mask], bool))
    np.testing.assert_allclose(outputs, [expected], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("masked", [True, False])
def test_long_half_precision_sequences_stay_exact(dtype, masked):
    # The sum exceeds float16's range, and the count its integers.
    inputs = np.full((1, 4099, 2), 96.0)
    mask = np.ones((1, 4099), bool) if masked else None
    outputs = PooledEmbeddingEncoder(dtype=dtype)(inputs, mask=mask)
    np.testing.assert_array_equal(outputs.numpy().astype("float32"), [[96, 96]])


def test_dropout_acts_on_the_mean_in_training_only():
    encoder = PooledEmbeddingEncoder(dropout=0.5)
    inputs = np.ones((1, 3, 1000), "float32")
    np.testing.assert_array_equal(encoder(inputs), np.ones((1, 1000)))
    outputs = encoder(inputs, training=True).numpy()
    # Dropped embeddings, unlike a dropped mean, would average to thirds.
    assert set(np.unique(outputs)) == {0.0, 2.0}
    assert 0.4 < np.mean(outputs == 0) < 0.6


def test_rejects_invalid_dropout():
    with pytest.raises(ValueError, match="`dropout` must be a number"):
        PooledEmbeddingEncoder(dropout=1.5)
