import json

import keras
import numpy as np
import pytest
from keras import ops

from export.int8_tables import Int8Table
from export.int8_tables import int8_tables
from export.int8_tables import looked_up_in
from export.saved_model import AcceptanceError
from export.saved_model import export_saved_model
from o2v_keras import heads
from o2v_keras.encoders import Encoder
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.object2vec import Object2Vec
from tests.export.exports import make_model
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.ops_test import ALLOWED
from tests.export.ops_test import ops as ops_of
from tests.export.served_model import ServedModel

LARGE = {
    "enc0_vocab_size": 20_000,
    "enc0_token_embedding_dim": 64,
    "enc_dim": 64,
    "matryoshka_dims": (16,),
}
IDS = np.random.default_rng(0).integers(1, 20_000, (500, 6))


def size(folder):
    files = folder.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def cosines(first, second):
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.sum(first * second, axis=1) / lengths


@pytest.mark.parametrize(
    "network", ["pooled_embedding", "hcnn", "bilstm", "transformer"]
)
def test_embeddings_are_nearly_those_of_float_tables(network):
    model = make_model({**LARGE, "enc0_network": network, "enc0_layers": 1})
    tables = int8_tables(model)
    for encoder in (model.encoder0, model.encoder1):
        expected = encoder(IDS)
        with looked_up_in(tables):
            coded = encoder(IDS)
        assert 0.999 < cosines(coded, expected).min() < 1 - 1e-6
        np.testing.assert_array_equal(encoder(IDS), expected)


@pytest.mark.parametrize(
    "network",
    [
        "hcnn",
        pytest.param("bilstm", marks=pytest.mark.slow),
        pytest.param("transformer", marks=pytest.mark.slow),
    ],
)
def test_every_encoder_is_exported(network, tmp_path):
    model = make_model({"enc0_network": network, "enc0_layers": 1})
    export_saved_model(model, tmp_path, table_precision="int8")


def test_an_export_has_a_quarter_of_the_size_and_core_operations(tmp_path):
    model = make_model(
        {
            **LARGE,
            "enc0_network": "pooled_embedding",
            "tied_token_embedding_weight": True,
        }
    )
    before = model.get_weights()
    whole = export_saved_model(model, tmp_path)
    small = export_saved_model(model, tmp_path, dim=16, table_precision="int8")
    assert size(small) < 0.3 * size(whole)
    assert ops_of(small) <= ALLOWED
    served = ServedModel(small).embed("in0", IDS)
    assert served.shape == (500, 16)
    assert cosines(served, model.encoder0(IDS)[:, :16]).min() > 0.9998
    facts = json.loads((small / "assets.extra" / "export.json").read_text())
    assert facts.pop("least_cosine") > 0.9998
    assert facts == {"mode": "both", "dim": 16, "table_precision": "int8"}
    # The model itself is not changed.
    for weights in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(*weights)


def test_texts_are_served(tmp_path):
    model = make_text_model(
        {"enc0_network": "pooled_embedding"},
        word_tokenizer(),
        word_tokenizer(),
    )
    export_saved_model(model, tmp_path, table_precision="int8")


def test_an_export_whose_embeddings_change_is_refused(tmp_path, monkeypatch):
    model = make_model({**LARGE, "enc0_network": "pooled_embedding"})
    monkeypatch.setattr("export.int8_tables._LARGEST_CODE", 7)
    with pytest.raises(AcceptanceError, match="cosine of 0.9.* less than 0.99"):
        export_saved_model(model, tmp_path, table_precision="int8")
    assert not list(tmp_path.iterdir())


def test_a_row_of_zeros_stays_zero():
    layer = TokenEmbedding(3, 4, embeddings_initializer="zeros")
    layer.build((None, None))
    layer.embeddings.assign(np.array([[0] * 4, [1e-8] * 4, [-5, 5, 1, 0]]))
    rows = Int8Table(layer.embeddings)(np.arange(3)).numpy()
    np.testing.assert_allclose(rows, layer.embeddings, atol=5 / 254)
    np.testing.assert_array_equal(rows[0], 0)


def test_a_shared_table_is_coded_once():
    for changes, count in (
        ({}, 2),
        ({"tied_token_embedding_weight": True}, 1),
        ({"shared_encoder": True}, 1),
    ):
        model = make_model({"enc0_network": "pooled_embedding", **changes})
        assert len(int8_tables(model)) == count


@keras.saving.register_keras_serializable(package="tests")
class _IdsPresent(Encoder):
    """An encoder without a table."""

    def encode(self, ids, mask, training=None):
        return ops.max(ops.one_hot(ids, self.vocab_size), axis=1)


def test_what_has_no_table_is_refused(tmp_path):
    pair = (_IdsPresent(8, 3, 8) for _ in range(2))
    model = Object2Vec(*pair, head=heads.Regression())
    with pytest.raises(ValueError, match="have no token table of ours"):
        export_saved_model(model, tmp_path, table_precision="int8")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="`table_precision` must be one of"):
        export_saved_model(model, tmp_path, table_precision="int4")
