"""What every tokenizer must do, whatever its kind."""

import copy
import pathlib
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.encode_texts import tokenizer_graph
from o2v_keras.text.tokenizers.learn_tokenizer import TOKENIZERS
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer

SENTENCEPIECE = pathlib.Path(__file__).with_name("wordnet.model")
LEARNED_FROM = [
    "The quick brown fox jumps over the lazy dog.",
    "the dog of a branch",
    "naïve 犬 שלום עולם, I❤️🐕",
    "drama",
]
KINDS = [(kind, 0) for kind in TOKENIZERS] + [("words", 7)]

TEXTS = {
    "known": "the dog",
    "one category": "drama",
    "empty": "",
    "white space": " \t\r\n\u2003",
    "punctuation": "...,,,!?",
    "names of padding": "[PAD] [UNK] [UNK0] [UNK1] <s> </s> <unk> ##",
    "padding alone": "[PAD]",
    "unknown alone": "[UNK]",
    "a bucket alone": "[UNK3]",
    "unknown words": "qxz zxq jjj",
    "a long word": "a" * 1_000_000,
    "a long text": "the dog " * 130_000,
    "many marks": "." * 1_000_000,
    "invalid": b"\xff\xfe the \xc3\x28 dog\xed\xa0\x80 \xf0\x9f",
    "only invalid": b"\x80\x80",
    "NUL": "the\x00dog\x00",
    "emoji": "👩‍👩‍👧 I❤️🐕🏳️‍🌈",
    "right to left": "שלום עולם \u202eabc\u202c مرحبا",
    "Chinese": "犬犬 日本語",
    "combining": "e\u0301" + "\u0301" * 100,
    "noncharacter": "\ufdd0\U0010ffff \ufffe",
    "line ends": "the\r\ndog\u2028fox\x85lazy",
    "capitals": "THE DOG İSTANBUL ẞ",
}


KNOWN = {kind: "the dog" for kind in TOKENIZERS} | dict.fromkeys(
    ("category", "categories"), "drama"
)

TF_TEXT = {
    "CaseFoldUTF8",
    "FastWordpieceTokenizeWithOffsets",
    "SentencepieceOp",
    "SentencepieceTokenizeOp",
    "UnicodeScriptTokenizeWithOffsets",
}


def make(kind, hash_buckets=0):
    if kind == "sentencepiece":
        return learn_tokenizer(kind, [], vocab_file=SENTENCEPIECE)
    size = 60 if kind == "wordpiece" else None
    return learn_tokenizer(kind, LEARNED_FROM, size, hash_buckets=hash_buckets)


@pytest.fixture(scope="module", params=KINDS, ids=lambda p: f"{p[0]}-{p[1]}")
def tokenizer(request):
    return make(*request.param)


@pytest.fixture(scope="module")
def ids_of(tokenizer):
    """Ids of texts, as lists, by one graph for all tests."""
    graph = tokenizer_graph(tokenizer)
    return lambda texts: graph(tf.constant(texts, tf.string)).to_list()


def test_every_text_has_ids_in_range(tokenizer, ids_of):
    rows = dict(zip(TEXTS, ids_of(list(TEXTS.values())), strict=True))
    for name, ids in rows.items():
        assert all(1 <= id_ < tokenizer.vocab_size for id_ in ids), name
        assert len(ids) < 300_000, name


def test_ids_are_the_same_alone_and_in_any_batch(ids_of):
    texts = list(TEXTS.values())
    alone = [ids_of([text])[0] for text in texts]
    assert ids_of(texts) == alone
    assert ids_of(texts[::-1]) == alone[::-1]


def test_ids_are_ragged_int64(tokenizer):
    ids = tokenizer.tokenize(tf.constant(["the dog", ""]))
    assert isinstance(ids, tf.RaggedTensor)
    assert ids.dtype == tf.int64
    assert ids.row_splits.dtype == tf.int64
    assert ids.shape.as_list() == [2, None]


def test_a_batch_may_be_empty(ids_of):
    assert ids_of([]) == []


def test_a_saved_tokenizer_is_read_back(tokenizer, ids_of, tmp_path):
    PairTokenizers(in1=tokenizer).save(tmp_path / "a.keras")
    loaded = PairTokenizers.load(tmp_path / "a.keras").in1
    (tmp_path / "a.keras").unlink()
    texts = list(TEXTS.values())
    assert type(loaded) is type(tokenizer)
    assert loaded.tokenize(tf.constant(texts)).to_list() == ids_of(texts)
    assert loaded.vocab_size == tokenizer.vocab_size
    assert loaded.word_ids() == tokenizer.word_ids()
    assert loaded.fingerprint() == tokenizer.fingerprint()


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_gives_the_same_ids(tokenizer, copied):
    twice = copied([tokenizer, tokenizer])
    assert twice[0] is twice[1] is not tokenizer
    assert twice[0].fingerprint() == tokenizer.fingerprint()
    text = tf.constant(["the dog drama"])
    expected = tokenizer.tokenize(text).to_list()
    assert twice[0].tokenize(text).to_list() == expected


TWO = ["the dog", "drama"]


@pytest.mark.parametrize(
    "texts",
    [TWO, tuple(TWO), np.array(TWO), np.array(TWO, object), tf.constant(TWO)],
    ids=["list", "tuple", "array", "objects", "tensor"],
)
def test_a_call_pads_ids_with_0(tokenizer, texts):
    ids = tokenizer(texts)
    assert ids.dtype == tf.int64
    rows = tokenizer.tokenize(tf.constant(TWO))
    np.testing.assert_array_equal(ids, rows.to_tensor(0))


def test_works_in_a_dataset_and_in_a_saved_model(tokenizer, tmp_path):
    expected = tokenizer(TWO)
    data = tf.data.Dataset.from_tensors(tf.constant(TWO)).map(tokenizer)
    np.testing.assert_array_equal(next(iter(data)), expected)
    texts = keras.Input((), dtype="string")
    keras.Model(texts, tokenizer(texts)).save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.output.shape == (None, None)
    np.testing.assert_array_equal(loaded(tf.constant(TWO)), expected)


def test_a_configuration_is_small_and_has_no_vocabulary(tokenizer):
    config = tokenizer.get_config()
    assert len(str(config)) < 500
    empty = type(tokenizer).from_config(config)
    with pytest.raises(ValueError, match="a configuration holds none. Load"):
        empty(TWO)
    with pytest.raises(ValueError, match="a configuration holds none. Load"):
        copy.deepcopy(empty)


def operations(export):
    """Types of all operations in a SavedModel, its functions included."""
    content = (export / "saved_model.pb").read_bytes()
    (meta,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    functions = meta.graph_def.library.function
    nodes = [*meta.graph_def.node, *(n for f in functions for n in f.node_def)]
    called = {function.signature.name for function in functions}
    return {node.op for node in nodes} - called


def test_a_server_gives_the_same_ids(tokenizer, ids_of, tmp_path):
    graph = tokenizer_graph(tokenizer)
    served = tf.Module()
    served.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def tokenize(text):
        ids = graph(text)
        return {"values": ids.values, "row_splits": ids.row_splits}

    export = tmp_path / "export"
    tf.saved_model.save(served, export, signatures={"tokenize": tokenize})
    # A server has another copy, and no folder of ours.
    moved = export.rename(tmp_path / "moved")
    texts = list(TEXTS.values())
    assert operations(moved) - set(dir(tf.raw_ops)) <= TF_TEXT
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(moved))
        signature = meta.signature_def["tokenize"]
        fetches = {k: v.name for k, v in signature.outputs.items()}
        feeds = {signature.inputs["text"].name: texts}
        answer = session.run(fetches, feeds)
        nothing = session.run(fetches, {signature.inputs["text"].name: []})
    rows = tf.RaggedTensor.from_row_splits(**answer)
    assert rows.to_list() == ids_of(texts)
    assert nothing["values"].size == 0


def test_many_texts_have_the_same_ids(tokenizer, ids_of):
    texts = [text for text in TEXTS.values() if isinstance(text, str)]
    rows = encode_texts(tokenizer, iter(texts))
    assert [row.tolist() for row in rows] == ids_of(texts)


def test_words_have_their_ids(tokenizer, ids_of):
    words = tokenizer.word_ids()
    rows = ids_of(list(words))
    assert words
    assert [row[0] for row in rows] == list(words.values())
    if tokenizer.ordered:
        assert {len(row) for row in rows} == {1}


def test_tells_which_share_it_does_not_know(tokenizer, ids_of):
    known = np.array(ids_of([KNOWN[tokenizer.kind]])[0])
    unknown = np.array(ids_of(["\u65e5"])[0])
    assert tokenizer.unknown_share(known) == 0
    assert tokenizer.unknown_share(unknown) > 0.4
    assert tokenizer.unknown_share(known[:0]) == 0
