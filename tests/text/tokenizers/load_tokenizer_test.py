import json

import pytest

from o2v_keras.text.tokenizers.load_tokenizer import load_tokenizer
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.tokenizers.unicode_script_tokenizer import (
    UnicodeScriptTokenizer,
)
from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "holds no tokenizer.*tokenizer.json"),
        ("{", "holds no tokenizer"),
        ("[]", r"in format 1. Received: \[\]"),
        ('{"format": 2, "kind": "words"}', "format 1. Received: {'format': 2"),
        ('{"format": 1}', "`kind` must be one of words.*kind=None"),
        ('{"format": 1, "kind": "bert"}', "`kind` must be one of.*'bert'"),
        ('{"format": 1, "kind": "words"}', "not complete.*vocabulary.txt"),
        ('{"format": 1, "kind": "sentencepiece"}', "is no SentencePiece model"),
        (
            '{"format": 1, "kind": "words", "colour": 1}',
            "not complete.*'colour'",
        ),
    ],
)
def test_what_is_no_tokenizer_is_refused(tmp_path, settings, message):
    if settings is not None:
        (tmp_path / "tokenizer.json").write_text(settings)
    if settings and "colour" in settings:
        Vocabulary(["a"]).save(tmp_path / "vocabulary.txt")
    with pytest.raises(ValueError, match=message):
        load_tokenizer(tmp_path)


def test_settings_are_plain(tmp_path):
    NGramTokenizer(Vocabulary(["a"]), 9).save(tmp_path)
    settings = json.loads((tmp_path / "tokenizer.json").read_text())
    assert settings == {"format": 1, "kind": "ngrams", "hash_buckets": 9}
    assert Vocabulary.load(tmp_path / "vocabulary.txt").words == ("a",)


def test_fingerprints_tell_tokenizers_apart():
    tokenizers = [
        WordTokenizer(Vocabulary(["a", "b"])),
        WordTokenizer(Vocabulary(["b", "a"])),
        WordTokenizer(Vocabulary(["a", "b"], hash_buckets=2)),
        UnicodeScriptTokenizer(Vocabulary(["a", "b"])),
        NGramTokenizer(Vocabulary(["a", "b"]), 8),
        NGramTokenizer(Vocabulary(["a", "b"]), 9),
    ]
    prints = [tokenizer.fingerprint() for tokenizer in tokenizers]
    assert len(set(prints)) == len(prints)
    assert all(len(text) == 64 for text in prints)
