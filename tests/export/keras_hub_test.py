"""A backbone of keras-hub, from training to strings served."""

import keras
import keras_hub
import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import load_dataset
from o2v_keras.encoders.keras_hub_encoder import KerasHubEncoder
from o2v_keras.encoders.keras_hub_encoder import special_token_ids
from o2v_keras.encoders.keras_hub_encoder import wordpiece_tokenizer
from o2v_keras.text.pair_tokenizers import PairTokenizers
from tests.export.exports import write_export

PIECES = ["[PAD]", "[MASK]", "[CLS]", "[UNK]", "[SEP]", "dog", "cat", "##s"]
PAIRS = {
    "in0": ["dog cats", "zebra", "cat"],
    "in1": ["dogs", "dog", "cat dog cat dog"],
    "label": [1.0, 0.0, 1.0],
}


@pytest.mark.slow
def test_strings_are_trained_on_saved_and_served(tmp_path):
    theirs = keras_hub.models.BertTokenizer(PIECES, lowercase=True)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(PIECES),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=6,
        max_sequence_length=6,
    )
    encoder = KerasHubEncoder(backbone, **special_token_ids(theirs))
    model = Object2Vec(
        encoder,
        encoder,
        output_layer="mean_squared_error",
        enc0_tokenizer="wordpiece",
        enc1_tokenizer="wordpiece",
        mlp_dim=4,
    )
    tokenizer = wordpiece_tokenizer(theirs)
    model.tokenizers = PairTokenizers(tokenizer, tokenizer)
    before = backbone.token_embedding.embeddings.numpy()
    data = load_dataset(PAIRS, model.config, tokenizers=model.tokenizers)
    model.fit(data, shuffle=False, verbose=0)
    assert np.abs(backbone.token_embedding.embeddings - before).max() > 0

    texts = {"in0": ["dog cats", "", "cat"], "in1": ["", "zebra", "dogs"]}
    expected = model.predict(texts, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(texts, verbose=0), expected, rtol=1e-4, atol=1e-5
    )
    served = write_export(model, tmp_path / "export").served
    rows = {name: [t.encode() for t in side] for name, side in texts.items()}
    np.testing.assert_allclose(
        served("serving_default", **rows), expected, rtol=1e-4, atol=1e-5
    )
