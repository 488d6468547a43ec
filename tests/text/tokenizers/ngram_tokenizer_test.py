import numpy as np
import pytest

from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.vocabulary import Vocabulary

MODULUS = 2**31 - 1


def bucket(ngram, hash_buckets):
    """The hash, in Python's integers, of code points."""
    hashed = 1
    for code in [*ngram, 0]:
        hashed = (hashed * 1_000_000_007 + code) % MODULUS
    return hashed * hash_buckets // MODULUS


def features(word, words, hash_buckets):
    codes = [0x110000, *map(ord, word[:40]), 0x110001]
    ids = [2 + words.index(word) if word in words else 1]
    for place in range(len(codes)):
        for length in (2, 3, 4):
            if place + length <= len(codes):
                ngram = codes[place : place + length]
                ids.append(2 + len(words) + bucket(ngram, hash_buckets))
    return ids


@pytest.mark.parametrize("hash_buckets", [1, 7, 32_768, MODULUS])
def test_words_are_followed_by_their_ngrams(hash_buckets):
    words = ["dog", "a", "犬"]
    tokenizer = NGramTokenizer(Vocabulary(words), hash_buckets)
    texts = ["dog a dog", "", "unseen 犬", "a" * 39 + "bc", "é🐕"]
    assert tokenizer.tokenize(texts).to_list() == [
        [
            id_
            for word in text.split()
            for id_ in features(word, words, hash_buckets)
        ]
        for text in texts
    ]
    assert tokenizer.vocab_size == 2 + len(words) + hash_buckets


def test_only_the_first_forty_characters_count():
    tokenizer = NGramTokenizer(Vocabulary(["a"]))
    one, other = tokenizer.tokenize(["x" * 40 + "y", "x" * 40 + "z"]).to_list()
    assert one == other
    assert len(one) == 1 + 41 + 40 + 39


def test_ngrams_spread_over_the_buckets():
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [a + b + c for a in letters for b in letters for c in letters]
    tokenizer = NGramTokenizer(Vocabulary(["a"]), hash_buckets=1000)
    ids = tokenizer.tokenize(texts).to_tensor()[:, 1:].numpy() - 3
    distinct = np.unique(ids[:, 5])  # Those of "abc", each another.
    assert len(distinct) == 1000
    counts = np.bincount(ids[:, 5], minlength=1000)
    assert counts.max() < 3 * counts.mean()


@pytest.mark.parametrize("hash_buckets", [0, -1, MODULUS + 1])
def test_buckets_out_of_range_are_refused(hash_buckets):
    with pytest.raises(
        ValueError, match=f"`hash_buckets` of.*hash_buckets={hash_buckets}"
    ):
        NGramTokenizer(Vocabulary(["a"]), hash_buckets)


def test_a_vocabulary_with_buckets_is_refused():
    with pytest.raises(ValueError, match="`vocabulary` must have no hash"):
        NGramTokenizer(Vocabulary(["a"], hash_buckets=5))
