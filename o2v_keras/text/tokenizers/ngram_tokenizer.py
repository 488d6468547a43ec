"""Words and the n-grams of their characters."""

import os
from collections.abc import Iterable
from typing import Any
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import check_room
from o2v_keras.text.tokenizers.lookup_tokenizers import read_vocabulary
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.vocabulary import Vocabulary

NGRAM_BUCKETS = 1 << 15
MAX_WORD_CHARACTERS = 40

_LENGTHS = (2, 3, 4)
# Beyond Unicode, so that no text can hold them.
_BEGIN, _END = 0x110000, 0x110001
# A prime; products of smaller factors fit into int64.
_MODULUS = (1 << 31) - 1
_FACTOR = 1_000_000_007


@keras.saving.register_keras_serializable(package="o2v_keras")
class NGramTokenizer(WordTokenizer):
    """Ids of words, each followed by those of its character n-grams.

    The words are those of `WordTokenizer`; an unknown word has id 1. The
    n-grams of 2, 3 and 4 characters are taken from a start mark, the first 40
    characters of the word, and an end mark. They are hashed to `hash_buckets`
    ids after those of the words. So an unknown word has a vector similar to
    those of words with similar spelling.

    The result is a bag of features in no meaningful order.

    Args:
        vocabulary: `Vocabulary` without hash buckets of its own. Defaults to
            `None`: `load_assets` reads it.
        hash_buckets: Number of ids for n-grams. Defaults to 32,768.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        ValueError: If the vocabulary has hash buckets, or `hash_buckets` is
            not positive.

    Example:
    >>> tokenizer = NGramTokenizer(Vocabulary(["a"]), hash_buckets=100)
    >>> ids = tokenizer.tokenize(["a ab"])[0].numpy()
    >>> ids[:4]  # "a", then "<a", "<a>", "a>"
    array([ 2, 23, 61, 45])
    >>> ids[4:6]  # an unknown word, then "<a"
    array([ 1, 23])

    Reference:
    - [Bojanowski et al., 2017](https://arxiv.org/abs/1607.04606)
    """

    kind: ClassVar[str] = "ngrams"
    ordered = False

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        hash_buckets: int = NGRAM_BUCKETS,
        **kwargs: Any,
    ):
        if not 1 <= hash_buckets <= _MODULUS:
            raise ValueError(
                "`hash_buckets` of an n-gram tokenizer must be from 1 to "
                f"{_MODULUS}. Received: hash_buckets={hash_buckets}"
            )
        super().__init__(vocabulary, **kwargs)
        self.hash_buckets = hash_buckets

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.hash_buckets:
            raise ValueError(
                "`vocabulary` must have no hash buckets: those of an n-gram "
                f"tokenizer are for n-grams. Received: vocabulary={vocabulary}"
            )
        super().set_vocabulary(vocabulary)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        words = self.split(texts)
        # Far fewer than all words.
        distinct, places = tf.unique(words.values, out_idx=tf.int64)
        features = tf.gather(self._features(distinct), places)
        return words.with_values(features).merge_dims(1, 2)

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary) + self.hash_buckets

    def unknown_share(self, ids: np.ndarray) -> float:
        return super().unknown_share(ids[ids < len(self.vocabulary)])

    def get_config(self):
        return {**super().get_config(), "hash_buckets": self.hash_buckets}

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        min_count: int = 1,
        hash_buckets: int = 0,
    ) -> Tokenizer:
        buckets = hash_buckets or NGRAM_BUCKETS
        check_room(vocab_size, buckets, unknown=1)
        words = None if vocab_size is None else vocab_size - buckets
        vocabulary = Vocabulary.from_counts(cls.count(texts), min_count, words)
        return cls(vocabulary, buckets)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], hash_buckets: int = 0
    ) -> Tokenizer:
        return cls(read_vocabulary(path), hash_buckets or NGRAM_BUCKETS)

    def _features(self, words):
        """Ids of words and their n-grams, ragged `(words, None)`."""
        characters = _marked_characters(words)
        rows = characters.value_rowids()
        left = tf.gather(characters.row_limits(), rows) - tf.range(
            tf.size(rows, out_type=tf.int64)
        )  # (characters,), from each to the end of its word
        columns = [tf.gather(self._ids(words), rows)]
        keep = [left == tf.gather(characters.row_lengths(), rows)]
        for length, hashed in _hashes(characters.values):
            buckets = hashed * self.hash_buckets // _MODULUS
            columns.append(len(self.vocabulary) + buckets)
            keep.append(left >= length)
        kept = tf.where(tf.stack(keep, axis=1))  # (features, 2)
        return tf.RaggedTensor.from_value_rowids(
            tf.gather_nd(tf.stack(columns, axis=1), kept),
            tf.gather(rows, kept[:, 0]),
            nrows=tf.size(words, out_type=tf.int64),
            validate=False,
        )


def _marked_characters(words):
    characters = tf.strings.unicode_decode(words, "UTF-8")
    characters = tf.cast(characters[:, :MAX_WORD_CHARACTERS], tf.int64)
    marks = tf.ones_like(words, tf.int64)[:, tf.newaxis]
    return tf.concat([_BEGIN * marks, characters, _END * marks], axis=1)


def _hashes(characters):
    """Hashes of the n-grams that begin at each character, below the modulus."""
    padded = tf.pad(characters, [[0, max(_LENGTHS)]])
    hashed = tf.ones_like(characters)
    for place in range(max(_LENGTHS)):
        follower = padded[place : place + tf.size(characters)]
        hashed = (hashed * _FACTOR + follower) % _MODULUS
        if place + 1 in _LENGTHS:
            # Multiplied again, so that the last character changes high digits.
            yield place + 1, hashed * _FACTOR % _MODULUS
