"""Makes tokenizers from texts or from vocabulary files."""

import os
from collections.abc import Iterable

import keras

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoriesTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoryTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import UnicodeScriptTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer

TOKENIZERS: dict[str, type[Tokenizer]] = {
    cls.kind: cls
    for cls in (
        WordTokenizer,
        UnicodeScriptTokenizer,
        WordpieceTokenizer,
        SentencepieceTokenizer,
        NGramTokenizer,
        CategoryTokenizer,
        CategoriesTokenizer,
    )
}
_WITHOUT_BUCKETS = (WordpieceTokenizer.kind, SentencepieceTokenizer.kind)


def learn_tokenizer(
    kind: str,
    texts: Iterable[str | None],
    vocab_size: int | None = None,
    min_count: int = 1,
    hash_buckets: int = 0,
    vocab_file: str | os.PathLike[str] | None = None,
) -> Tokenizer:
    """Makes a tokenizer with the vocabulary of texts, or of a file.

    The texts are read once, in batches; memory holds the distinct words and
    their counts (for wordpiece those of a sample, see `learn_wordpieces`). The
    same texts give the same tokenizer.

    Args:
        kind: `"words"`, `"unicode_script"`, `"wordpiece"`,
            `"sentencepiece"`, `"ngrams"`, `"category"`, `"categories"`, or
            the registered name of a `Tokenizer` of your own, such as
            `"my_package>MyTokenizer"`.
        texts: Texts to learn from. `None` and `""` are skipped; with a
            `vocab_file` no text is read.
        vocab_size: Most ids, padding, unknown words and hash buckets
            included. Defaults to `None`: no limit; wordpiece requires one.
        min_count: Least count of a word. Defaults to 1.
        hash_buckets: Ids for unknown words (0: one); for ngrams, ids for
            n-grams (0: 32,768). Wordpiece and sentencepiece have none.
            Defaults to 0.
        vocab_file: Vocabulary to use instead of the texts: `.json` or `.txt`
            for `Vocabulary.load`; sentencepiece requires a `.model`. Both
            wordpiece and sentencepiece take a `tokenizer.json`, see
            `from_file` of their classes. With `hash_buckets` above 0 its
            words are renumbered, otherwise it keeps its own hash buckets.
            Defaults to `None`.

    Raises:
        ValueError: If an argument is out of range, does not go with `kind`,
            or is about learning where there is a `vocab_file`; or if the
            texts hold no word.
        DataError: If `vocab_file` is no vocabulary of the kind, or holds
            more than `vocab_size` ids.

    Example:
    >>> tokenizer = learn_tokenizer("words", ["To be or", None, "not to be"])
    >>> tokenizer.vocabulary.words
    ('be', 'to', 'not', 'or')
    """
    cls = TOKENIZERS.get(kind) or _registered(kind)
    if hash_buckets and kind in _WITHOUT_BUCKETS:
        raise ValueError(
            f"`hash_buckets` must be 0 for {kind}, which makes every text of "
            f"known pieces. Received: hash_buckets={hash_buckets}"
        )
    if not vocab_file:
        texts = (text for text in texts if text)
        return cls.learn(texts, vocab_size, min_count, hash_buckets)
    if min_count != 1:
        raise ValueError(
            "`min_count` must be 1 where the vocabulary is that of a file. "
            f"Received: min_count={min_count}, vocab_file={vocab_file!r}"
        )
    tokenizer = cls.from_file(vocab_file, hash_buckets)
    if vocab_size is not None and tokenizer.vocab_size > vocab_size:
        raise DataError(
            f"{vocab_file}: makes {tokenizer.vocab_size} ids, but `vocab_size` "
            f"is {vocab_size}. Set it to {tokenizer.vocab_size}."
        )
    return tokenizer


def _registered(kind):
    cls = keras.saving.get_registered_object(kind)
    if not (isinstance(cls, type) and issubclass(cls, Tokenizer)):
        raise ValueError(
            f"`kind` must be one of {', '.join(TOKENIZERS)}, or the "
            'registered name of a Tokenizer, such as "my_package>MyTokenizer", '
            f"whose module is imported. Received: kind={kind!r}"
        )
    return cls
