import sys

import keras
import pytest

from o2v_keras import encoders
from o2v_keras.config import Object2VecConfig
from o2v_keras.models.make_encoders import encoder_class
from o2v_keras.models.make_encoders import encoder_models
from o2v_keras.models.make_encoders import make_encoders


def make(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 30,
        "enc0_token_embedding_dim": 6,
        "enc_dim": 8,
        "dropout": 0.25,
        "enc0_id_dropout": 0.5,
        "enc0_unknown_id": 2,
    }
    return make_encoders(Object2VecConfig(**{**fields, **changes}))


SHARED = {
    "vocab_size": 30,
    "max_seq_len": 3,
    "output_dim": 8,
    "dropout": 0.25,
    "id_dropout": 0.5,
    "unknown_id": 2,
}


@pytest.mark.parametrize(
    ("changes", "cls", "arguments"),
    [
        pytest.param(
            {
                "enc0_network": "hcnn",
                "enc0_layers": 3,
                "enc0_cnn_filter_width": 5,
            },
            encoders.HCNN,
            {"layers": 3, "filter_width": 5, "token_embedding_dim": 6},
            id="hcnn",
        ),
        pytest.param(
            {"enc0_network": "bilstm", "enc0_layers": 2},
            encoders.BiLSTM,
            {"layers": 2, "token_embedding_dim": 6},
            id="bilstm",
        ),
        pytest.param(
            {
                "enc0_network": "pooled_embedding",
                "enc0_token_embedding_dim": 8,
            },
            encoders.PooledEmbedding,
            {"token_embedding_dim": 8},
            id="pooled_embedding",
        ),
    ],
)
def test_makes_the_configured_encoders(changes, cls, arguments):
    for encoder in make(**changes):
        assert type(encoder) is cls
        assert {**SHARED, **arguments}.items() <= encoder.get_config().items()


@keras.saving.register_keras_serializable(package="tests")
class _Own(encoders.Encoder):
    """No token table."""


class _Unregistered(encoders.Encoder):
    pass


def test_a_class_is_found_by_module_and_by_keras_name(monkeypatch):
    assert encoder_class(f"{__name__}:_Own") is _Own
    assert encoder_class("tests>_Own") is _Own
    monkeypatch.delitem(sys.modules, __name__)
    with pytest.raises(ValueError, match="in a module that is imported"):
        encoder_class(f"{__name__}:_Own")


@pytest.mark.parametrize(
    "network",
    [
        # A saved model must not call what it names.
        "subprocess:Popen",
        "keras.layers:TFSMLayer",
        f"{__name__}:_Unregistered",
        f"{__name__}:SHARED",
        "tests>nothing",
    ],
)
def test_other_classes_are_refused(network):
    __import__("subprocess")
    with pytest.raises(ValueError, match=f"`{network}` must be a Keras layer"):
        encoder_class(network)


def test_only_encoders_with_a_token_table_share_one():
    message = "`tied_token_embedding_weight` must be false with enc0_network"
    with pytest.raises(ValueError, match=message):
        make(enc0_network="tests>_Own", tied_token_embedding_weight=True)
    first, second = make(tied_token_embedding_weight=True)
    assert first.token_embedding is second.token_embedding


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        pytest.param(
            keras.layers.Embedding(30, 8), r"\(None, None, 8\)", id="rank"
        ),
        pytest.param(
            keras.layers.Lambda(lambda ids: [ids, ids]), "KerasTensor", id="two"
        ),
    ],
)
def test_an_encoder_gives_one_vector_a_row(layer, shape):
    sizes = {"enc0_max_seq_len": 3}
    message = (
        rf"`encoder0` must give encodings of shape \(batch, dim\).*{shape}"
    )
    with pytest.raises(ValueError, match=message):
        encoder_models([layer, layer], sizes)
