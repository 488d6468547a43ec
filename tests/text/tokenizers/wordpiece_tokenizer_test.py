import random

import pytest

from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
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
