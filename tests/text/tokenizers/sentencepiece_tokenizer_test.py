import pathlib

import keras
import pytest

from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)

# 300 pieces of the definitions in our sample of WordNet, learned by
# sentencepiece 0.2.3 with `normalization_rule_name="identity"`.
MODEL = pathlib.Path(__file__).with_name("wordnet.model")


# What sentencepiece 0.2.3 itself finds.
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("the branch of a tree", [15, 156, 54, 59, 9, 10, 3, 7, 48, 8]),
        ("Dogs 犬", [3, 0, 16, 25, 4, 3, 0]),
        ("", []),
        ("a b  c", [10, 57, 65]),
    ],
)
def test_ids_are_those_of_the_model_plus_one(text, ids):
    tokenizer = SentencepieceTokenizer.from_file(MODEL)
    assert tokenizer.tokenize([text]).to_list() == [[id_ + 1 for id_ in ids]]
    assert tokenizer.vocab_size == 301


def test_pieces_that_are_words_have_their_ids():
    words = SentencepieceTokenizer.from_file(MODEL).word_ids()
    assert words["the"] == 16
    assert "" not in words
    assert all(word in words for word in ("of", "a"))


def test_a_new_keras_session_does_not_end_a_tokenizer():
    tokenizer = SentencepieceTokenizer.from_file(MODEL)
    before = tokenizer.tokenize(["a tree"]).to_list()
    keras.utils.clear_session()
    assert tokenizer.tokenize(["a tree"]).to_list() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", MODEL.read_bytes()[:1000]],
    ids=["empty", "text", "cut off"],
)
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "a.model"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.model: is no SentencePiece mod"):
        SentencepieceTokenizer.from_file(path)


def test_an_absent_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"b\.model: is no.*No such file"):
        SentencepieceTokenizer.from_file(tmp_path / "b.model")
