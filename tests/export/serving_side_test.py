import numpy as np
import pytest
import tensorflow as tf

from export.serving_module import ServingModule
from export.serving_side import ServingSide
from o2v_keras.config import Object2VecConfig
from o2v_keras.text.pair_tokenizers import PairTokenizers
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer


@pytest.fixture
def side():
    config = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=4)
    return ServingSide("in1", config.encoder1, word_tokenizer(("a", "dog")))


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        ([b"a dog"], [[2, 3]]),
        ([b"dog", b"", b"a cat"], [[3, 0], [0, 0], [2, 1]]),
        ([b"a dog a dog", b"dog"], [[2, 3, 2], [3, 0, 0]]),
        ([b"", b""], [[], []]),
    ],
    ids=["full", "padded", "cut", "empty"],
)
def test_ids_of_texts_are_padded_and_cut(side, texts, ids):
    found = side.ids(np.array(texts, object))
    assert found.dtype == tf.int64
    np.testing.assert_array_equal(found, ids)


def test_no_text_gives_no_row(side):
    assert side.ids(tf.constant([], tf.string)).shape == (0, 0)


def test_model_without_its_tokenizer_is_refused():
    model = make_text_model(
        {
            "enc0_network": "pooled_embedding",
            "enc0_tokenizer": "words",
        },
        word_tokenizer(),
        word_tokenizer(),
    )
    ServingModule(model, "embedding")
    model.tokenizers = PairTokenizers()
    with pytest.raises(
        ValueError,
        match=r"must have the tokenizer of in0, .* Set `model.tokenizers` to "
        r".* Received: enc0_tokenizer='words', "
        r"model.tokenizers.in0=None",
    ):
        ServingModule(model)
