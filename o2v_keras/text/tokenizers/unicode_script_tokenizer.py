"""Splits texts into runs of one script."""

import tensorflow as tf
import tensorflow_text as tf_text

from o2v_keras.text.tokenizers.lookup_tokenizer import LookupTokenizer
from o2v_keras.text.tokenizers.normalization import normalized


class UnicodeScriptTokenizer(LookupTokenizer):
    """Ids of the longest runs of characters of one script.

    `normalized` texts are split at white space and where the Unicode script
    changes: between letters of different alphabets, punctuation and digits.
    Punctuation marks stay together, such as `"?!"`. A text without such a run
    has no ids.

    Args:
        vocabulary: `Vocabulary`.

    Example:
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = UnicodeScriptTokenizer(Vocabulary(["犬", "dog", "?!"]))
    >>> tokenizer(["犬dog?!"])
    <tf.RaggedTensor [[2, 3, 4]]>
    """

    kind = "unicode_script"

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        return tf_text.UnicodeScriptTokenizer().tokenize(normalized(texts))
