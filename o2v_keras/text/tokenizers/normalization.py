"""Normalizes texts before they are split, in graph operations."""

import tensorflow as tf
import tensorflow_text as tf_text

# Longer texts are cut: a request must be answered, however long it is.
MAX_TEXT_BYTES = 65_536

_PLAIN = r"[\t-\r -~]*"
_SEPARATOR = r"[\p{Z}\p{Cc}]"


def valid_text(texts: tf.Tensor) -> tf.Tensor:
    r"""Cuts texts after `MAX_TEXT_BYTES` bytes and makes them UTF-8.

    Bytes that are no UTF-8, such as a character cut in two, become U+FFFD.

    Args:
        texts: String tensor of shape `(batch,)`.

    Returns:
        String tensor of shape `(batch,)`.

    Example:
    >>> valid_text([b"caf\xc3\xa9", b"caf\xe9"]).numpy().tolist()
    [b'caf\xc3\xa9', b'caf\xef\xbf\xbd']
    """
    cut = tf.strings.substr(texts, 0, MAX_TEXT_BYTES)
    return tf.strings.unicode_transcode(cut, "UTF-8", "UTF-8")


def normalized(texts: tf.Tensor) -> tf.Tensor:
    r"""Normalizes texts to the form in which words are compared.

    Applies `valid_text`, then Unicode's NFKC_Casefold: NFKC, case folded,
    without invisible characters such as soft hyphens and variation selectors.
    Each separator or control character becomes a blank, except for ASCII's
    tabs and line ends.

    Args:
        texts: String tensor of shape `(batch,)`.

    Returns:
        String tensor of shape `(batch,)`.

    Example:
    >>> texts = ["A\tB", "\uff21\u3000\ufb01\u00df"]
    >>> [text.decode() for text in normalized(texts).numpy()]
    ['a\tb', 'a fiss']

    Reference:
    - The Unicode Standard, 3.13.5, `toNFKC_Casefold`
    """
    # Most texts are short and printable ASCII: lower case is all there is to
    # do.
    plain = tf.strings.regex_full_match(texts, _PLAIN)
    plain &= tf.strings.length(texts) <= MAX_TEXT_BYTES
    others = tf.where(~plain)  # (others, 1)
    folded = tf_text.case_fold_utf8(valid_text(tf.gather_nd(texts, others)))
    return tf.tensor_scatter_nd_update(
        tf.strings.lower(texts),
        others,
        tf.strings.regex_replace(folded, _SEPARATOR, " "),
    )
