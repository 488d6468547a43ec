import numpy as np
import pytest

from o2v_keras import encoders
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.testing import check_encoder

# Arguments that are not the defaults.
ARGUMENTS = {
    encoders.BiLSTM: {"token_embedding_dim": 5, "layers": 2},
    encoders.HCNN: {
        "token_embedding_dim": 5,
        "layers": 2,
        "filter_width": 2,
    },
    encoders.PooledEmbedding: {
        "token_embedding_dim": 8,
        "token_weighting": "learned",
    },
    encoders.Transformer: {
        "token_embedding_dim": 5,
        "layers": 1,
        "heads": 2,
        "feed_forward_dim": 6,
        "pooling": "first",
    },
}
OURS = tuple(ARGUMENTS)


@pytest.mark.parametrize(
    "dtype",
    ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("cls", OURS)
def test_keeps_the_contract(cls, dtype):
    encoder = cls(
        30,
        6,
        8,
        id_dropout=0.5,
        unknown_id=1,
        dropout=0.25,
        dtype=dtype,
        **ARGUMENTS[cls],
    )
    check_encoder(encoder)


@pytest.mark.parametrize("cls", OURS)
def test_masks_id_0_and_cuts_the_rest(cls):
    encoder = cls(30, 3, 8)
    outputs = np.asarray(
        encoder(np.array([[4, 5, 0, 9], [4, 5, 0, 7], [0, 0, 0, 9]]))
    )
    alone = np.asarray(encoder(np.array([[4, 5]])))
    np.testing.assert_allclose(
        outputs, [alone[0], alone[0], np.zeros(8)], rtol=1e-5, atol=1e-6
    )
    assert encoder(np.zeros((2, 0), "int64")).shape == (2, 8)


@pytest.mark.parametrize("cls", OURS)
def test_drops_ids_in_training_alone(cls):
    encoder = cls(30, 3, 8, id_dropout=1.0, unknown_id=2)
    known, unknown = np.array([[4, 5]]), np.array([[2, 5]])
    expected = np.asarray(encoder(unknown))
    np.testing.assert_array_equal(encoder(known, training=True), expected)
    assert not np.array_equal(encoder(known), expected)


@pytest.mark.parametrize("cls", OURS)
def test_takes_a_table_of_its_own_sizes(cls):
    table = TokenEmbedding(30, 8)
    encoder = cls(30, 3, 8, token_embedding_dim=8, token_embedding=table)
    assert encoder.token_embedding is table
    with pytest.raises(ValueError, match="must have the encoder's vocab_size"):
        cls(31, 3, 8, token_embedding_dim=8, token_embedding=table)


def test_a_mean_has_the_size_of_a_token_embedding():
    with pytest.raises(ValueError, match="must equal `output_dim`"):
        encoders.PooledEmbedding(30, 3, 8, token_embedding_dim=4)
