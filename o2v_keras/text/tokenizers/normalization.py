"""Normalizes texts before they are split, in graph operations."""

import re

import tensorflow as tf
import tensorflow_text as tf_text

# Longer texts are cut: a request must be answered, however long it is.
MAX_TEXT_BYTES = 65_536

_PLAIN = r"[\t-\r -~]*"
_SEPARATOR = r"[\p{Z}\p{Cc}]"

# Marks, punctuation and format characters that Unicode got after version 8,
# whose categories Hugging Face's tokenizers use (Rust's `unicode_categories`):
# to them these are letters.
_NEWER = """
61D 7FD 890-891 898-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84
D00 D3B-D3C D81 EBA ECE 180F 1885-1886 1ABF-1ACE 1B7D-1B7E 1DF6-1DFB
2E43-2E4F 2E52-2E5D A82C A8C5 A8FF A9BD 10D24-10D27 10EAB-10EAD
10EFD-10EFF 10F46-10F50 10F55-10F59 10F82-10F89 11070 11073-11074 110C2
110CD 111CF 1123E 11241 1133B 11438-1143F 11442-11444 11446 1144B-1144F
1145A-1145B 1145D-1145E 11660-1166C 116B9 1182F-11837 11839-1183B
1193B-1193C 1193E 11943-11946 119D4-119D7 119DA-119DB 119E0 119E2
11A01-11A0A 11A33-11A38 11A3B-11A47 11A51-11A56 11A59-11A5B 11A8A-11A96
11A98-11A9C 11A9E-11AA2 11B00-11B09 11C30-11C36 11C38-11C3D 11C3F
11C41-11C45 11C70-11C71 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6
11D31-11D36 11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97
11EF3-11EF4 11EF7-11EF8 11F00-11F01 11F36-11F3A 11F40 11F42-11F4F 11FFF
12FF1-12FF2 13430-13440 13447-13455 16E97-16E9A 16F4F 16FE2 16FE4
1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024
1E026-1E02A 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E944-1E94A
1E95E-1E95F
"""
_LETTERS = "".join(re.sub("[0-9A-F]+", r"\\x{\g<0>}", _NEWER).split())
# Character classes without them: "not (not Mn, or one of them)".
_MARK = rf"[^\P{{Mn}}\x{{111C9}}{_LETTERS}]|\x{{1734}}"
_FORMAT = rf"[^\P{{Cf}}{_LETTERS}]"
# Like Unicode 8's, and ASCII's symbols.
BERT_PUNCTUATION = (
    rf"[!-/:-@\[-`{{-~\x{{166D}}\x{{111C9}}]|[^\P{{P}}{_LETTERS}]"
)

# Those of Hugging Face's `BertNormalizer`. Tabs and line ends are blanks.
_BERT_REMOVED = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\x{FFFD}\p{Co}\p{Cs}]|" + _FORMAT
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
        texts = tf.strings.regex_replace(texts, _MARK, "")
    if lowercase:
        # Rust knows no final sigma, which ICU puts at the end of a word.
        texts = tf.strings.regex_replace(texts, "\u03a3", "\u03c3")
        texts = tf.strings.lower(texts, encoding="utf-8")
    return texts
