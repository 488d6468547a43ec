import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import encoders
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoryTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from tests.training.small_training import make_config

TEXTS = ["a dog", "", "the dog, the cat and a dog", "zebra"]


@pytest.fixture(scope="module")
def model():
    tokenizer = WordTokenizer(Vocabulary(["a", "dog", "the", ","]))
    tokenizers = PairTokenizers(in0=tokenizer)
    config = make_config(
        enc0_tokenizer="words",
        enc1_network="pooled_embedding",
        enc1_max_seq_len=3,
        enc1_vocab_size=9,
        enc1_tokenizer="",
    )
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    return model


def ids_of(model, texts):
    return np.asarray(model.tokenizers.in0(texts))


@pytest.mark.parametrize(
    "texts",
    [TEXTS, np.array(TEXTS), np.array(TEXTS, object), tf.constant(TEXTS)],
    ids=["list", "array", "objects", "tensor"],
)
def test_predict_takes_texts_where_there_is_a_tokenizer(model, texts):
    other = np.array([[1], [2], [3], [4]])
    ids = {"in0": ids_of(model, TEXTS), "in1": other}
    expected = model.predict(ids, verbose=0)
    given = {"in0": texts, "in1": other}
    scores = model.predict(given, batch_size=2, verbose=0)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    encodings = model.embed_texts(texts, batch_size=3)
    assert encodings.dtype == "float32"
    np.testing.assert_allclose(encodings, model.encoder0(ids["in0"]), atol=1e-6)


def test_predict_takes_a_data_set_of_ids(model):
    ids = {"in0": ids_of(model, TEXTS), "in1": np.ones((4, 1), int)}
    expected = model.predict(ids, verbose=0)
    data = tf.data.Dataset.from_tensor_slices(ids).batch(2)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, 1e-6)


def test_sides_without_a_tokenizer_take_ids(model):
    with pytest.raises(ValueError, match="`in1` must be ids: the model has no"):
        model.predict({"in0": TEXTS, "in1": TEXTS}, verbose=0)
    with pytest.raises(ValueError, match="`in1` must be ids"):
        model.embed_texts(TEXTS, side="in1")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], r"at least one text. Received: shape \(0,\)"),
        (["a", None], "`texts` must be a list of str.*None in row 1"),
        ([["a"], ["b"]], r"Received: shape \(2, 1\)"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(model, texts, message):
    with pytest.raises(ValueError, match=message):
        model.embed_texts(texts)


def test_lone_surrogates_are_unknown_words(model):
    encodings = model.embed_texts(["\ud800", "zebra"])
    np.testing.assert_array_equal(*encodings)


def test_tokenizers_can_be_replaced_after_training(model, tmp_path):
    model = Object2Vec(model.config.replace(enc0_tokenizer=""))
    ids = {"in0": np.array([[2]]), "in1": np.array([[3]])}
    for words in ("abcd", "efgh"):
        tokenizer = WordTokenizer(Vocabulary(list(words)))
        model.tokenizers = PairTokenizers(in0=tokenizer)
        model.fit(ids, np.array([1]), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert [*loaded.tokenizers.in0.word_ids()] == ["e", "f", "g", "h"]


def test_a_configuration_holds_tokenizers_without_their_words(model):
    again = Object2Vec.from_config(model.get_config())
    assert again.tokenizers.in0.kind == "words"
    with pytest.raises(ValueError, match="has no vocabulary"):
        again.embed_texts(TEXTS)


def test_tokenizers_are_of_the_kind_that_the_config_names(model):
    other = PairTokenizers(in0=CategoryTokenizer(Vocabulary(list("abcd"))))
    with pytest.raises(ValueError, match='of the kind "category"'):
        model.tokenizers = other


def test_tokenizers_of_a_model_of_encoders_name_themselves():
    words = WordTokenizer(Vocabulary(["a", "dog"]))
    encoder = encoders.PooledEmbedding(words.vocab_size, 3, 8)
    model = Object2Vec(encoder, encoder)
    model.tokenizers = PairTokenizers(words, words)
    assert model.config.enc1_tokenizer == "words"
    model.tokenizers = PairTokenizers()
    assert model.config.enc1_tokenizer == ""
    model.tokenizers = PairTokenizers(words, words)
    with pytest.raises(ValueError, match='`side` must be "in0" or "in1"'):
        model.embed_texts(TEXTS, side="enc0")
