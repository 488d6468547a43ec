"""Normalizes texts before they are split, in graph operations."""

import tensorflow as tf
import tensorflow_text as tf_text

# Longer texts are cut: a request must be answered, however long it is.
MAX_TEXT_BYTES = 65_536

_PLAIN = r"[\t-\r -~]*"
_SEPARATOR = r"[\p{Z}\p{Cc}]"

# Those of Hugging Face's `BertNormalizer`. Tabs and line ends are blanks.
_BERT_REMOVED = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\x{FFFD}\p{Cf}\p{Co}\p{Cs}]"
)
_BERT_BLANK = r"[\t\n\r\p{Z}]"
_CHINESE = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}"
    r"\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}"
    r"\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)


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


def bert_normalized(
    texts: tf.Tensor,
    lowercase: bool,
    strip_accents: bool,
    handle_chinese_chars: bool,
) -> tf.Tensor:
    r"""Normalizes texts as Hugging Face's `BertNormalizer` does.

    Applies `valid_text`, then removes control characters, makes all white
    space blanks, and does what the arguments say.

    Args:
        texts: String tensor of shape `(batch,)`.
        lowercase: Whether to make texts lower case.
        strip_accents: Whether to decompose characters (NFD) and remove
            accents.
        handle_chinese_chars: Whether Chinese characters are words by
            themselves.

    Returns:
        String tensor of shape `(batch,)`.

    Example:
    >>> texts = ["Na\u00efve\u3000Dog"]
    >>> bert_normalized(texts, True, True, True).numpy().tolist()
    [b'naive dog']

    Reference:
    - `tokenizers/src/normalizers/bert.rs` of Hugging Face's tokenizers
    """
    texts = tf.strings.regex_replace(valid_text(texts), _BERT_REMOVED, "")
    texts = tf.strings.regex_replace(texts, _BERT_BLANK, " ")
    if handle_chinese_chars:
        texts = tf.strings.regex_replace(texts, _CHINESE, r" \0 ")
    if strip_accents:
        texts = tf_text.normalize_utf8(texts, "NFD")
        texts = tf.strings.regex_replace(texts, r"\p{Mn}", "")
    if lowercase:
        # Rust knows no final sigma, which ICU puts at the end of a word.
        texts = tf.strings.regex_replace(texts, "\u03a3", "\u03c3")
        texts = tf.strings.lower(texts, encoding="utf-8")
    return texts
