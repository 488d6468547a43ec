"""Looks up whole texts."""

import tensorflow as tf

from o2v_keras.text.tokenizers.lookup_tokenizer import LookupTokenizer


class CategoryTokenizer(LookupTokenizer):
    """One id for each text: that of its category.

    Texts are compared byte by byte, without any normalization. A text that is
    no category of the vocabulary, such as the empty text, has the id of an
    unknown word.

    Args:
        vocabulary: `Vocabulary`, of categories.

    Example:
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = CategoryTokenizer(Vocabulary(["drama", "film noir"]))
    >>> tokenizer(["film noir", "Drama", ""]).to_list()
    [[3], [1], [1]]
    """

    kind = "category"

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = tf.convert_to_tensor(texts)
        return tf.RaggedTensor.from_row_lengths(
            texts, tf.ones_like(texts, tf.int64), validate=False
        )
