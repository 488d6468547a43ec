import keras
import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.bilstm_encoder import BiLSTMEncoder
from o2v_keras.layers.hcnn_encoder import HCNNEncoder
from o2v_keras.layers.pooled_embedding_encoder import PooledEmbeddingEncoder
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.encoder_factory import make_encoder
from o2v_keras.registry import ENCODERS


def make(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 30,
        "enc0_token_embedding_dim": 6,
        "enc_dim": 8,
        "dropout": 0.25,
    }
    config = Object2VecConfig(**{**fields, **changes}).encoder0
    table = TokenEmbedding(config.vocab_size, config.token_embedding_dim)
    return make_encoder(config, table, input_name="in0", name="encoder0")


@pytest.mark.parametrize(
    ("changes", "cls", "attributes"),
    [
        pytest.param(
            {
                "enc0_network": "hcnn",
                "enc0_layers": 3,
                "enc0_cnn_filter_width": 5,
            },
            HCNNEncoder,
            {"output_dim": 8, "layers": 3, "filter_width": 5, "dropout": 0.25},
            id="hcnn",
        ),
        pytest.param(
            {"enc0_network": "bilstm", "enc0_layers": 2},
            BiLSTMEncoder,
            {"output_dim": 8, "layers": 2, "dropout": 0.25},
            id="bilstm",
        ),
        pytest.param(
            {
                "enc0_network": "pooled_embedding",
                "enc0_token_embedding_dim": 8,
            },
            PooledEmbeddingEncoder,
            {"dropout": 0.25},
            id="pooled_embedding",
        ),
    ],
)
def test_makes_the_configured_layer(changes, cls, attributes):
    encoder = make(**changes)
    layer = encoder.layers[-1]
    assert type(layer) is cls
    assert attributes.items() <= layer.get_config().items()
    assert (encoder.name, encoder.inputs[0].name) == ("encoder0", "in0")


@pytest.mark.parametrize("network", ["hcnn", "bilstm", "pooled_embedding"])
def test_masks_id_0_and_cuts_the_rest(network):
    changes = {"enc0_network": network}
    if network == "pooled_embedding":
        changes["enc0_token_embedding_dim"] = 8
    encoder = make(**changes)
    outputs = np.asarray(
        encoder(np.array([[4, 5, 0, 9], [4, 5, 0, 7], [0, 0, 0, 9]]))
    )
    alone = np.asarray(encoder(np.array([[4, 5]])))
    np.testing.assert_allclose(
        outputs, [alone[0], alone[0], np.zeros(8)], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        pytest.param(
            lambda: keras.layers.GlobalMaxPooling1D(),
            r"\(None, 6\)",
            id="width",
        ),
        pytest.param(
            lambda: keras.layers.Dense(8), r"\(None, None, 8\)", id="rank"
        ),
    ],
)
def test_refuses_a_registered_encoder_of_another_width(
    monkeypatch, layer, shape
):
    monkeypatch.setattr(ENCODERS, "_builders", {**ENCODERS._builders})

    class Unmasked(keras.Layer):
        def __init__(self):
            super().__init__()
            self.layer = layer()

        def call(self, inputs, mask=None):
            return self.layer(inputs)

        def compute_mask(self, inputs, mask=None):
            return None

    ENCODERS.register("other")(lambda config: Unmasked())
    message = (
        r'The encoder "other" must give encodings of shape \(batch, enc_dim\)'
        rf". Received: {shape} with enc_dim=8"
    )
    with pytest.raises(ValueError, match=message):
        make(enc0_network="other")
