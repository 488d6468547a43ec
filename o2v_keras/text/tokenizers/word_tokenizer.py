"""Splits texts into words and punctuation marks."""

import tensorflow as tf

from o2v_keras.text.tokenizers.lookup_tokenizer import LookupTokenizer
from o2v_keras.text.tokenizers.normalization import normalized

_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"


class WordTokenizer(LookupTokenizer):
    """Ids of words and punctuation marks.

    `normalized` texts are split at white space and around punctuation marks:
    Unicode's punctuation and every ASCII character that is neither letter nor
    digit, like BERT's basic tokenizer. A text without words has no ids.

    Args:
        vocabulary: `Vocabulary`.

    Example:
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog", "!"]))
    >>> tokenizer(["A small DOG!", ""])
    <tf.RaggedTensor [[2, 1, 3, 4], []]>

    Reference:
    - [Devlin et al., 2018](https://arxiv.org/abs/1810.04805), `tokenization.py`
      of its code
    """

    kind = "words"

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        # RE2 finds a match alone faster than a group: `\0`, not `\1`.
        apart = tf.strings.regex_replace(
            normalized(texts), _PUNCTUATION, r" \0 "
        )
        return tf.strings.split(apart)
