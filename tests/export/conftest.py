"""Exports that several test modules share; each is written once."""

import pytest

from tests.export.exports import make_model
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export

TIED = {"tied_token_embedding_weight": True}
REGRESSION = {"output_layer": "mean_squared_error"}
VARIANTS = {
    "hcnn": ({"enc0_network": "hcnn"}, "float32"),
    "hcnn_tied": (
        {"enc0_network": "hcnn", **TIED, **REGRESSION},
        "mixed_float16",
    ),
    "bilstm": (
        {"enc0_network": "bilstm", "enc0_layers": 2, **REGRESSION},
        "float32",
    ),
    "bilstm_tied": ({"enc0_network": "bilstm", **TIED}, "mixed_float16"),
    "transformer": ({"enc0_network": "transformer"}, "float32"),
    "transformer_tied": (
        {"enc0_network": "transformer", **TIED, **REGRESSION},
        "mixed_float16",
    ),
    "pooled": ({"enc0_network": "pooled_embedding"}, "mixed_float16"),
    "in_batch_softmax": (
        {
            "enc0_network": "pooled_embedding",
            "output_layer": "in_batch_softmax",
            "learn_temperature": True,
        },
        "mixed_float16",
    ),
    "bpr": (
        {
            "enc0_network": "pooled_embedding",
            "output_layer": "bpr",
            "negative_sampling_rate": 1,
            "comparator_list": "dot",
            "mlp_layers": 0,
        },
        "float32",
    ),
    "pooled_tied": (
        {"enc0_network": "pooled_embedding", **TIED, **REGRESSION},
        "float32",
    ),
}


# Covered in parts by the others.
_SLOW = {"bilstm_tied", "transformer_tied", "pooled_tied"}


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] * (name in _SLOW))
        for name in VARIANTS
    ],
)
def variant(request, tmp_path_factory):
    """Every encoder, tied and not, either head, full and half precision."""
    model = make_model(*VARIANTS[request.param])
    return write_export(model, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def unequal_sides(tmp_path_factory):
    """Encoders that differ in kind, vocabulary and longest sequence."""
    model = make_model(
        {
            "enc0_network": "pooled_embedding",
            "enc0_max_seq_len": 4,
            "enc1_network": "hcnn",
            "enc1_max_seq_len": 6,
            "enc1_vocab_size": 50,
            "enc1_token_embedding_dim": 8,
        }
    )
    return write_export(model, tmp_path_factory.mktemp("unequal_sides"))


@pytest.fixture(scope="session")
def text_sides(tmp_path_factory):
    """Texts on both sides, in order on one and a bag on the other."""
    model = make_text_model(
        {
            "enc0_network": "hcnn",
            "enc0_max_seq_len": 4,
            "enc1_network": "pooled_embedding",
            "enc1_max_seq_len": 9,
        },
        word_tokenizer(),
        word_tokenizer(("mat", "sat", "on")),
    )
    return write_export(model, tmp_path_factory.mktemp("text_sides"))


@pytest.fixture(scope="session")
def text_and_ids(tmp_path_factory):
    """Texts on one side and ids on the other."""
    model = make_text_model(
        {
            "enc0_network": "pooled_embedding",
            "enc1_network": "pooled_embedding",
            "enc1_max_seq_len": 6,
            "enc1_vocab_size": 30,
        },
        word_tokenizer(),
    )
    return write_export(model, tmp_path_factory.mktemp("text_and_ids"))
