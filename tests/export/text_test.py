"""Exports that take texts, as a model server meets them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from export.acceptance import read_signatures
from export.saved_model import export_saved_model
from export.saved_model import signature_lines
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoriesTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoryTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import UnicodeScriptTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from tests.export.exports import WORDS
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export
from tests.export.ops_test import ALLOWED_WITH_TEXTS
from tests.export.ops_test import ops

TEXTS = [
    "The dog barks",
    "",
    "a cat, a dog, a mat, a cat and a dog",
    "qzxv",
    "\N{DOG FACE}!",
]
ODD_TEXTS = [
    b"",
    b" \t\n",
    b"dog\0cat",
    "\N{DOG FACE}\N{ZERO WIDTH JOINER}".encode(),
    "\u05db\u05dc\u05d1 \u202edog".encode(),
    b"caf\xe9 \xff\xfe dog",
    b"qzxv wvut",
    b"a" * 2**20,
    b"a dog " * 2**18,
]


PIECES = ("a", "d", "##og", "ca", "##t", "!", "mat", "##s")
SENTENCEPIECE_MODEL = (
    pathlib.Path(__file__).parents[1] / "text/tokenizers/wordnet.model"
)
TOKENIZERS = {
    "words": word_tokenizer,
    "words_hashed": lambda: WordTokenizer(Vocabulary(WORDS, hash_buckets=5)),
    "unicode_script": lambda: UnicodeScriptTokenizer(Vocabulary(WORDS)),
    "wordpiece": lambda: WordpieceTokenizer(Vocabulary(PIECES)),
    "sentencepiece": lambda: SentencepieceTokenizer.from_file(
        str(SENTENCEPIECE_MODEL)
    ),
    "ngrams": lambda: NGramTokenizer(Vocabulary(WORDS), hash_buckets=50),
    "categories": lambda: CategoriesTokenizer(
        Vocabulary(["qzxv", "The dog barks"])
    ),
    "category": lambda: CategoryTokenizer(
        Vocabulary(["qzxv", "The dog barks"])
    ),
}


_QUICK_KINDS = ("words", "ngrams")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            kind, marks=() if kind in _QUICK_KINDS else pytest.mark.slow
        )
        for kind in TOKENIZERS
    ],
)
def text_and_id_exports(request, tmp_path_factory):
    """One model, exported with its tokenizer and without."""
    tokenizer = TOKENIZERS[request.param]()
    network = "hcnn" if tokenizer.ordered else "pooled_embedding"
    model = make_text_model({"enc0_network": network}, tokenizer, tokenizer)
    folder = tmp_path_factory.mktemp(request.param)
    texts = write_export(model, folder / "texts")
    model.tokenizers = PairTokenizers()
    ids = write_export(model, folder / "ids")
    return tokenizer, texts, ids


def _served(exports):
    tokenizer, texts, ids = exports
    return tokenizer, texts.served, ids.served


def test_texts_give_what_their_ids_give(text_and_id_exports):
    tokenizer, texts, ids = _served(text_and_id_exports)
    rows = [text.encode() for text in TEXTS]
    rows_of_ids = tokenizer(rows).numpy()
    np.testing.assert_array_equal(
        texts("serving_default", in0=rows, in1=rows[::-1]),
        ids("serving_default", in0=rows_of_ids, in1=rows_of_ids[::-1]),
    )
    for side in ("in0", "in1"):
        np.testing.assert_array_equal(
            texts.embed(side, rows), ids.embed(side, rows_of_ids)
        )


def test_odd_texts_have_the_answer_of_their_ids(text_and_id_exports):
    tokenizer, texts, ids = _served(text_and_id_exports)
    rows_of_ids = tokenizer(ODD_TEXTS).numpy()
    answers = texts.embed("in0", ODD_TEXTS)
    assert np.isfinite(answers).all()
    np.testing.assert_array_equal(answers, ids.embed("in0", rows_of_ids))


def test_a_server_has_the_ops_of_a_tokenizer(text_and_id_exports):
    _, texts, _ = text_and_id_exports
    assert ops(texts.folder) - ALLOWED_WITH_TEXTS == set()


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: repr(text[:9]))
def test_an_odd_text_alone_has_an_answer(text_sides, text):
    scores = text_sides.served("serving_default", in0=[text], in1=[text])
    np.testing.assert_allclose(scores.sum(axis=1), [1.0], rtol=1e-5)


def test_a_text_without_words_is_an_empty_sequence(text_sides):
    answer = text_sides.served.embed("in1", [b"", b" \t"])
    padding = np.zeros((2, 1), np.int64)
    np.testing.assert_array_equal(answer, text_sides.model.encoder1(padding))


def test_signatures_take_strings(text_sides):
    signatures = read_signatures(text_sides.folder)
    for signature in signatures.values():
        for info in signature.inputs.values():
            assert info.dtype == tf.string.as_datatype_enum
            assert [d.size for d in info.tensor_shape.dim] == [-1]
    defaults = signatures["encoder_embeddings"].defaults
    assert defaults.keys() == {"in0", "in1"}
    assert all(tf.make_ndarray(v).shape == (0,) for v in defaults.values())


@pytest.mark.slow
def test_export_is_accepted_by_a_process_without_this_package(
    tmp_path, text_sides
):
    path = export_saved_model(text_sides.model, tmp_path)
    assert signature_lines(path)[1] == (
        "serving_default: in0 string [batch], in1 string [batch] -> scores "
        "float32 [batch, 3]"
    )


def test_texts_and_ids_mix(text_and_ids):
    served, model = text_and_ids.served, text_and_ids.model
    ids = tf.constant([[5, 6], [7, 0]], tf.int64)
    texts = [b"a dog", b""]
    scores = served("serving_default", in0=texts, in1=ids)
    tokenized = model.tokenizers.in0(texts)
    expected = model({"in0": tokenized, "in1": ids}, training=False)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    signature = read_signatures(text_and_ids.folder)["serving_default"]
    assert signature.inputs["in0"].dtype == tf.string.as_datatype_enum
    assert signature.inputs["in1"].dtype == tf.int64.as_datatype_enum


def test_vocabularies_are_assets(text_sides):
    contents = {
        file.read_text("utf-8")
        for file in (text_sides.folder / "assets").iterdir()
    }
    assert len(contents) == 2
    assert any("barks\n" in text for text in contents)
    assert any("sat\n" in text for text in contents)


@pytest.mark.parametrize(
    ("mode", "signature"),
    [
        ("classification", "serving_default"),
        ("embedding", "encoder_embeddings"),
    ],
)
def test_modes_with_one_signature_take_texts(
    tmp_path, text_sides, mode, signature
):
    exported = write_export(text_sides.model, tmp_path, mode)
    assert set(read_signatures(tmp_path)) == {signature}
    inputs = {"in0": [b"a dog"], "in1": [b"mat"]}
    if mode == "embedding":
        inputs["in1"] = []
    np.testing.assert_array_equal(
        exported.served(signature, **inputs),
        text_sides.served(signature, **inputs),
    )
