import sys

import keras
import keras_hub
import numpy as np
import pytest

from o2v_keras.encoders.keras_hub_encoder import KerasHubEncoder
from o2v_keras.encoders.keras_hub_encoder import special_token_ids
from o2v_keras.encoders.keras_hub_encoder import wordpiece_tokenizer
from o2v_keras.testing import check_encoder

WORDS = ["[PAD]", "[MASK]", "[CLS]", "[UNK]", "[SEP]"]
PIECES = [*WORDS, "the", "dog", "##s", "na", "##ive", "barks", ".", "中"]
SIZES = {
    "vocabulary_size": len(PIECES),
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 6,
    "max_sequence_length": 8,
}
SPECIAL = {"start_token_id": 2, "end_token_id": 4, "unk_token_id": 3}


def bert():
    return keras_hub.models.BertBackbone(**SIZES)


def tokenizer(words=PIECES, **arguments):
    return keras_hub.models.BertTokenizer(
        words, **{"lowercase": True, "strip_accents": True, **arguments}
    )


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_keeps_the_contract(pooling):
    check_encoder(KerasHubEncoder(bert(), pooling, **SPECIAL))


def test_backbones_without_segments_and_added_tokens_keep_it():
    backbone = keras_hub.models.DistilBertBackbone(**SIZES)
    check_encoder(KerasHubEncoder(backbone, max_seq_len=6))


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_gives_what_the_backbone_gives_for_its_own_ids(pooling):
    backbone = bert()
    encoder = KerasHubEncoder(backbone, pooling, **SPECIAL)
    assert (encoder.vocab_size, encoder.max_seq_len) == (len(PIECES), 6)
    assert encoder.output_dim == 8
    # 1 is the unknown word, 3 the mask; the last id is beyond the longest.
    ids = np.array([[1, 5, 3, 6, 7, 8, 9], [0, 5, 0, 0, 0, 0, 0]])
    token_ids = np.array(
        [[2, 3, 5, 1, 6, 7, 8, 4], [2, 5, 4, 0, 0, 0, 0, 0]], "int32"
    )
    real = (token_ids != 0).astype("int32")
    steps = backbone(
        {
            "token_ids": token_ids,
            "padding_mask": real,
            "segment_ids": np.zeros_like(token_ids),
        }
    )["sequence_output"].numpy()
    weights = real[..., None]
    expected = (
        steps[:, 0]
        if pooling == "first"
        else (steps * weights).sum(1) / weights.sum(1)
    )
    np.testing.assert_allclose(encoder(ids), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(PIECES, id="padding_first"),
        pytest.param([*PIECES[3:], *PIECES[:3]], id="unknown_first"),
        pytest.param(["the", *PIECES[:5], *PIECES[6:]], id="neither"),
        pytest.param(
            [PIECES[0], PIECES[3], *PIECES[1:3], *PIECES[4:]], id="ours"
        ),
    ],
)
def test_the_tokenizer_gives_the_ids_of_theirs(words):
    theirs = tokenizer(words)
    ours = wordpiece_tokenizer(theirs)
    encoder = KerasHubEncoder(bert(), **special_token_ids(theirs))
    for text in ("The dogs, na\u00efve dog barks.", "中dog cat", "", "DOG"):
        ids = ours.tokenize([text])[0].numpy()
        np.testing.assert_array_equal(
            encoder._backbone_ids(ids), np.asarray(theirs(text), int)
        )
        # Nothing but padding is 0.
        assert (ids > 0).all()


def test_from_preset_knows_the_tokens(tmp_path):
    backbone = bert()
    backbone.save_to_preset(str(tmp_path))
    tokenizer().save_to_preset(str(tmp_path))
    encoder = KerasHubEncoder.from_preset(str(tmp_path), pooling="first")
    expected = KerasHubEncoder(backbone, "first", **SPECIAL)
    ids = np.array([[5, 6, 1]])
    np.testing.assert_allclose(encoder(ids), expected(ids), rtol=1e-5)


def test_a_frozen_backbone_stays_as_it_is():
    encoder = KerasHubEncoder(bert(), **SPECIAL)
    encoder.trainable = False
    assert encoder.trainable_weights == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: KerasHubEncoder(bert(), "max"),
            '`pooling` must be "mean" or "first"',
        ),
        (
            lambda: KerasHubEncoder(bert(), max_seq_len=7, **SPECIAL),
            "`max_seq_len` must be at most 6.*max_seq_len=7",
        ),
        (
            lambda: KerasHubEncoder(
                keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
            ),
            "`backbone` must have the inputs token_ids and padding_mask",
        ),
        (
            lambda: wordpiece_tokenizer(tokenizer(split=False)),
            "`tokenizer` must be a keras_hub WordPieceTokenizer",
        ),
    ],
)
def test_says_what_it_cannot_take(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_names_the_missing_package(monkeypatch):
    config = KerasHubEncoder(bert(), **SPECIAL).get_config()
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ModuleNotFoundError, match="pip install keras-hub"):
        KerasHubEncoder.from_config(config)
