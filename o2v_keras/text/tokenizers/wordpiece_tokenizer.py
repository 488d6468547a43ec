"""Splits words into pieces."""

import tensorflow as tf
import tensorflow_text as tf_text

from o2v_keras.text.tokenizers.vocabulary_tokenizer import VocabularyTokenizer
from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary

CONTINUATION = "##"

_UNKNOWN = "[UNK]"
_MAX_WORD_BYTES = 100


class WordpieceTokenizer(VocabularyTokenizer):
    """Ids of the pieces of words.

    The words are those of `WordTokenizer`. Each word is split from the left
    into the longest pieces of the vocabulary; pieces inside a word begin with
    `##`. A word that has no such split, or is longer than 100 bytes, has the
    single id 1. A text without words has no ids.

    Args:
        vocabulary: `Vocabulary` of the pieces, without hash buckets.

    Raises:
        ValueError: If the vocabulary has hash buckets.

    Example:
    >>> tokenizer = WordpieceTokenizer(Vocabulary(["dog", "##s", "##house"]))
    >>> tokenizer(["Doghouses", "dog cat"])
    <tf.RaggedTensor [[2, 4, 3], [2, 1]]>

    Reference:
    - [Song et al., 2020](https://arxiv.org/abs/2012.15524)
    """

    kind = "wordpiece"

    def __init__(self, vocabulary: Vocabulary):
        super().__init__(vocabulary)
        if vocabulary.hash_buckets:
            raise ValueError(
                "`vocabulary` must have no hash buckets: pieces leave no "
                f"unknown word to hash. Received: vocabulary={vocabulary}"
            )
        self._pieces = tf_text.FastWordpieceTokenizer(
            ["[PAD]", _UNKNOWN, *vocabulary.words],
            suffix_indicator=CONTINUATION,
            max_bytes_per_word=_MAX_WORD_BYTES,
            unknown_token=_UNKNOWN,
            token_out_type=tf.int64,
            no_pretokenization=True,
        )

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        words = WordTokenizer.split(texts)
        return self._pieces.tokenize(words).merge_dims(1, 2)

    def word_ids(self) -> dict[str, int]:
        ids = super().word_ids()
        return {w: i for w, i in ids.items() if not w.startswith(CONTINUATION)}
