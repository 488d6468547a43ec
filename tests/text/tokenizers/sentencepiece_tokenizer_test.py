import copy
import json
import pathlib

import keras
import pytest

from o2v_keras.data.data_error import DataError
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


# Pieces of definitions that sentencepiece 0.2.3 learned, written as a
# `tokenizer.json` like Llama 2's, and the ids that tokenizers 0.23.3 gives.
LLAMA = json.loads(pathlib.Path(__file__).with_name("llama.json").read_text())


def llama(tmp_path, **changes):
    """Loads the `tokenizer.json` with changes, named by dotted paths."""
    content = copy.deepcopy(LLAMA["tokenizer"])
    for path, value in changes.items():
        *parts, name = path.split(".")
        place = content
        for part in parts:
            place = place[part]
        place[name] = value
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(content))
    return SentencepieceTokenizer.from_file(str(file))


def test_a_tokenizer_json_gives_its_ids_plus_one(tmp_path):
    tokenizer = llama(tmp_path)
    expected = [[id_ + 1 for id_ in row] for row in LLAMA["ids"]]
    assert tokenizer.tokenize(LLAMA["texts"]).to_list() == expected
    assert tokenizer.vocab_size == 521
    again = copy.deepcopy(tokenizer)
    assert again.tokenize(LLAMA["texts"]).to_list() == expected


def test_merges_may_be_pairs(tmp_path):
    merges = [m.split(" ") for m in LLAMA["tokenizer"]["model"]["merges"]]
    tokenizer = llama(tmp_path, **{"model.merges": merges})
    assert tokenizer.fingerprint() == llama(tmp_path).fingerprint()


MERGES = LLAMA["tokenizer"]["model"]["merges"]
# The two merges that make one token.
FIRST = next(
    place
    for place, (one, other) in enumerate(zip(MERGES, MERGES[1:], strict=False))
    if one.replace(" ", "") == other.replace(" ", "")
)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.type", "Unigram", "`model.type` must be .BPE., since the Uni"),
        ("model.byte_fallback", False, "byte_fallback` must be true"),
        ("model.unk_token", None, "unk_token` must be a token"),
        ("model.ignore_merges", True, "ignore_merges` must be false"),
        ("model.dropout", 0.1, "`model.dropout` must be empty"),
        ("normalizer", None, "`normalizer` must be Prepend and Replace"),
        (
            "pre_tokenizer",
            {"type": "Metaspace"},
            "`pre_tokenizer` must be null.*since other tokenizers than BERT",
        ),
        (
            "pre_tokenizer",
            {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]},
            r"no byte-level BPE \(ByteLevel, as in GPT-2 and Llama 3\)",
        ),
        (
            "added_tokens",
            [{"id": 0, "content": "<unk>", "special": False}],
            "special tokens alone",
        ),
        (
            "model.merges",
            [*MERGES[:FIRST], *MERGES[FIRST + 1 :], MERGES[FIRST]],
            "must have all merges that make a token one after another",
        ),
        (
            "model.merges",
            [*MERGES[:FIRST], *MERGES[FIRST + 1 :]],
            "must have each pair of tokens that make a token",
        ),
        (
            "model.vocab",
            {"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3},
            "a token of each byte.*Received: 'none of <0x00>, <0x01>, <0x02>'",
        ),
    ],
)
def test_another_tokenizer_json_is_refused(tmp_path, path, value, message):
    with pytest.raises(DataError, match=message):
        llama(tmp_path, **{path: value})
