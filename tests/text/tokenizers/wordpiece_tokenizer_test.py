import copy
import json
import pathlib
import random

import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import split_words
from o2v_keras.text.tokenizers.normalization import BERT_PUNCTUATION
from o2v_keras.text.tokenizers.normalization import bert_normalized
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer
from o2v_keras.text.vocabulary import Vocabulary

PIECES = ["a", "b", "ab", "abc", "##a", "##b", "##ab", "##ba", ".", "##é", "é"]


def pieces(word, ids):
    """Longest first, in plain Python."""
    found, place = [], 0
    while place < len(word):
        mark = "##" if place else ""
        ends = range(len(word), place, -1)
        fits = [end for end in ends if mark + word[place:end] in ids]
        if not fits:
            return [1]
        found.append(ids[mark + word[place : fits[0]]])
        place = fits[0]
    return found


def test_the_longest_pieces_are_taken():
    generator = random.Random(0)
    texts = ["".join(generator.choices("ABabc. é", k=12)) for _ in range(500)]
    vocabulary = Vocabulary(PIECES)
    ids = {piece: id_ for id_, piece in enumerate(vocabulary.words, 2)}
    words = [
        [word.decode() for word in row]
        for row in WordTokenizer.split(texts).to_list()
    ]
    expected = [[i for word in row for i in pieces(word, ids)] for row in words]
    assert WordpieceTokenizer(vocabulary).tokenize(texts).to_list() == expected
    assert any(1 in row for row in expected)


def test_words_of_more_than_a_hundred_bytes_are_unknown():
    tokenizer = WordpieceTokenizer(Vocabulary(PIECES))
    rows = tokenizer.tokenize(["b" * 100, "b" * 101]).to_list()
    assert [len(row) for row in rows] == [100, 1]
    assert rows[1] == [1]


def test_only_whole_words_have_ids_of_their_own():
    words = WordpieceTokenizer(Vocabulary(["a", "##b", "c"])).word_ids()
    assert words == {"a": 2, "c": 4}


def test_a_vocabulary_with_buckets_is_refused():
    with pytest.raises(ValueError, match="`vocabulary` must have no hash"):
        WordpieceTokenizer(Vocabulary(["a"], hash_buckets=5))


# Written by Hugging Face's tokenizers 0.23.3: a `tokenizer.json`, and the ids
# of texts by several normalizers, without special tokens.
BERT = json.loads(pathlib.Path(__file__).with_name("bert.json").read_text())
UNKNOWN = 3


def bert(tmp_path, **changes):
    """Loads the `tokenizer.json` with changes, named by dotted paths."""
    content = copy.deepcopy(BERT["tokenizer"])
    for path, value in changes.items():
        *parts, name = path.split(".")
        place = content
        for part in parts:
            place = place[part]
        place[name] = value
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(content))
    return WordpieceTokenizer.from_file(str(file))


@pytest.mark.parametrize("case", range(len(BERT["cases"])))
def test_a_tokenizer_json_gives_its_ids(tmp_path, case):
    normalizer, rows = BERT["cases"][case].values()
    tokenizer = bert(tmp_path, normalizer=normalizer)
    # Unknown words and the word with id 1 have changed places.
    swapped = {UNKNOWN: 1, 1: UNKNOWN}
    expected = [[swapped.get(id_, id_) for id_ in row] for row in rows]
    assert tokenizer.tokenize(BERT["texts"]).to_list() == expected
    assert tokenizer.vocab_size == len(BERT["tokenizer"]["model"]["vocab"])
    again = copy.deepcopy(tokenizer)
    assert again.tokenize(BERT["texts"]).to_list() == expected


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.type", "BPE", '`model.type` must be "WordPiece"'),
        ("model.continuing_subword_prefix", "@@", 'prefix` must be "##"'),
        ("model.max_input_chars_per_word", 50, "must be 100.*Received: 50"),
        ("model.unk_token", "?", "unk_token` must be a token of the voc"),
        ("normalizer", None, '`normalizer.type` must be "BertNormalizer"'),
        ("normalizer.type", "NFKC", "Received: 'NFKC'"),
        ("normalizer.clean_text", False, "clean_text` must be true"),
        ("pre_tokenizer.type", "Whitespace", 'must be "BertPreTokenizer"'),
        (
            "added_tokens",
            [{"id": 3, "content": "[UNK]", "special": False}],
            r"special tokens alone.*\['\[UNK\]'\]",
        ),
        (
            "added_tokens",
            [{"id": 99, "content": "[X]", "special": True}],
            "must count from 0, without gaps",
        ),
    ],
)
def test_another_tokenizer_json_is_refused(tmp_path, path, value, message):
    with pytest.raises(DataError, match=message):
        bert(tmp_path, **{path: value})


@pytest.mark.parametrize(
    ("tokens", "ours"),
    [
        (["[PAD]", "[UNK]", "a", "b"], ["[PAD]", "[UNK]", "a", "b"]),
        (["[PAD]", "a", "[UNK]", "b"], ["[PAD]", "[UNK]", "a", "b"]),
        (["[UNK]", "[PAD]", "a", "b"], ["[PAD]", "[UNK]", "a", "b"]),
        (["a", "b", "[UNK]"], [None, "[UNK]", "b", "a"]),
        (["[UNK]", "a", "b"], [None, "[UNK]", "a", "b"]),
    ],
)
def test_padding_has_id_0_and_unknown_words_id_1(tmp_path, tokens, ours):
    vocabulary = {token: id_ for id_, token in enumerate(tokens)}
    tokenizer = bert(
        tmp_path, **{"model.vocab": vocabulary, "added_tokens": []}
    )
    ids = TokenizerJson.read(tmp_path / "tokenizer.json").ids
    assert [tokens[id_] if id_ >= 0 else None for id_ in ids] == ours
    expected = [[ours.index("a"), ours.index("b"), 1]]
    assert tokenizer.tokenize(["a b c"]).to_list() == expected
    assert copy.deepcopy(tokenizer).tokenize(["a b c"]).to_list() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\u0300b", ["ab"]),  # a mark
        ("a\u0898b", ["a\u0898b"]),  # a mark since Unicode 14
        ("a\u1734b", ["ab"]),  # a mark before Unicode 14
        ("a\u2e3ab", ["a", "\u2e3a", "b"]),  # a dash
        ("a\u2e53b", ["a\u2e53b"]),  # punctuation since Unicode 14
        ("a\u166db", ["a", "\u166d", "b"]),  # punctuation before Unicode 12
        ("a\u0890b", ["a\u0890b"]),  # a format character since Unicode 14
        ("a\u200bb", ["ab"]),
    ],
)
def test_bert_has_the_categories_of_unicode_8(text, words):
    normal = bert_normalized([text], True, True, True)
    found = split_words(normal, BERT_PUNCTUATION)
    assert [word.decode() for word in found[0].numpy()] == words


def test_unknown_words_can_be_dropped():
    tokenizer = WordpieceTokenizer(Vocabulary(PIECES), drop_unknown=True)
    texts = ["c ab x. a", "x"]
    assert tokenizer.tokenize(texts).to_list() == [[4, 10, 2], []]
    again = copy.deepcopy(tokenizer)
    assert again.tokenize(texts).to_list() == [[4, 10, 2], []]
    kept = WordpieceTokenizer(Vocabulary(PIECES))
    assert kept.tokenize(texts).to_list() == [[1, 4, 1, 10, 2], [1]]
    assert kept.fingerprint() != tokenizer.fingerprint()
