"""Makes tokenizers from texts or from vocabulary files."""

import os
import re
from collections.abc import Iterable

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.count_parts import count_parts
from o2v_keras.text.tokenizers.learn_wordpieces import learn_wordpieces
from o2v_keras.text.tokenizers.load_tokenizer import TOKENIZERS
from o2v_keras.text.tokenizers.ngram_tokenizer import NGRAM_BUCKETS
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer
from o2v_keras.text.vocabulary import Vocabulary

_WITHOUT_BUCKETS = (WordpieceTokenizer.kind, SentencepieceTokenizer.kind)
_RESERVED = re.compile(r"\[PAD\]|\[UNK\d*\]")


def learn_tokenizer(
    kind: str,
    texts: Iterable[str | None],
    vocab_size: int | None = None,
    min_count: int = 1,
    hash_buckets: int = 0,
    vocab_file: str | os.PathLike | None = None,
) -> Tokenizer:
    """Makes a tokenizer with the vocabulary of texts, or of a file.

    The texts are read once, in batches; memory holds the distinct words and
    their counts (for wordpiece those of a sample, see `learn_wordpieces`). The
    same texts give the same tokenizer.

    Args:
        kind: `"words"`, `"unicode_script"`, `"wordpiece"`,
            `"sentencepiece"`, `"ngrams"` or `"category"`.
        texts: Texts to learn from. `None` and `""` are skipped; with a
            `vocab_file` no text is read.
        vocab_size: Most ids, padding, unknown words and hash buckets
            included. Defaults to `None`: no limit; wordpiece requires one.
        min_count: Least count of a word. Defaults to 1.
        hash_buckets: Ids for unknown words (0: one); for ngrams, ids for
            n-grams (0: 32,768). Wordpiece and sentencepiece have none.
            Defaults to 0.
        vocab_file: Vocabulary to use instead of the texts: `.json` or `.txt`
            for `Vocabulary.load`; sentencepiece requires a `.model`. With
            `hash_buckets` above 0 its words are renumbered, otherwise it
            keeps its own hash buckets. Defaults to `None`.

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
    _check_arguments(kind, vocab_size, min_count, hash_buckets, vocab_file)
    if kind == NGramTokenizer.kind:
        hash_buckets = hash_buckets or NGRAM_BUCKETS
    if vocab_file:
        tokenizer = _from_file(kind, vocab_file, hash_buckets)
        _check_size(tokenizer, vocab_size, vocab_file)
        return tokenizer
    texts = (text for text in texts if text)
    if kind == WordpieceTokenizer.kind:
        return WordpieceTokenizer(
            learn_wordpieces(texts, vocab_size, min_count)
        )
    _check_room(kind, vocab_size, hash_buckets)
    counts = count_parts(TOKENIZERS[kind].split, texts)
    # In a text, these names of padding and unknown words are unknown words.
    for name in filter(_RESERVED.fullmatch, list(counts)):
        del counts[name]
    return _from_counts(kind, counts, vocab_size, min_count, hash_buckets)


def _from_counts(kind, counts, vocab_size, min_count, hash_buckets):
    if kind != NGramTokenizer.kind:
        return TOKENIZERS[kind](
            Vocabulary.from_counts(counts, min_count, vocab_size, hash_buckets)
        )
    if vocab_size is not None:
        vocab_size -= hash_buckets
    return NGramTokenizer(
        Vocabulary.from_counts(counts, min_count, vocab_size), hash_buckets
    )


def _from_file(kind, file, hash_buckets):
    if kind == SentencepieceTokenizer.kind:
        return SentencepieceTokenizer.from_file(file)
    try:
        vocabulary = Vocabulary.load(file)
    except OSError as error:
        raise DataError(
            f"{file}: must be a vocabulary. Received: {error}"
        ) from None
    if kind == NGramTokenizer.kind:
        return NGramTokenizer(vocabulary, hash_buckets)
    if hash_buckets:
        vocabulary = Vocabulary(vocabulary.words, hash_buckets)
    return TOKENIZERS[kind](vocabulary)


def _check_arguments(kind, vocab_size, min_count, hash_buckets, vocab_file):
    if kind not in TOKENIZERS:
        raise ValueError(
            f"`kind` must be one of {', '.join(TOKENIZERS)}. "
            f"Received: kind={kind!r}"
        )
    if hash_buckets and kind in _WITHOUT_BUCKETS:
        raise ValueError(
            f"`hash_buckets` must be 0 for {kind}, which makes every text of "
            f"known pieces. Received: hash_buckets={hash_buckets}"
        )
    if vocab_file and min_count != 1:
        raise ValueError(
            "`min_count` must be 1 where the vocabulary is that of a file. "
            f"Received: min_count={min_count}, vocab_file={vocab_file!r}"
        )
    if not vocab_file and kind == SentencepieceTokenizer.kind:
        raise ValueError(
            "`vocab_file` must name the `.model` file of SentencePiece, whose "
            f"models are not learned here. Received: vocab_file={vocab_file!r}"
        )
    if (
        vocab_size is None
        and not vocab_file
        and kind == WordpieceTokenizer.kind
    ):
        raise ValueError(
            "`vocab_size` must be the number of ids at most for word pieces. "
            "Received: vocab_size=None"
        )


def _check_room(kind, vocab_size, hash_buckets):
    unknown = 1 + hash_buckets if kind == NGramTokenizer.kind else hash_buckets
    reserved = 1 + max(1, unknown)
    if vocab_size is not None and vocab_size <= reserved:
        raise ValueError(
            f"`vocab_size` must be more than {reserved}, the ids of padding, "
            "unknown words and n-grams. "
            f"Received: vocab_size={vocab_size}, hash_buckets={hash_buckets}"
        )


def _check_size(tokenizer, vocab_size, file):
    if vocab_size is not None and tokenizer.vocab_size > vocab_size:
        raise DataError(
            f"{file}: makes {tokenizer.vocab_size} ids, but `vocab_size` "
            f"is {vocab_size}. Set it to {tokenizer.vocab_size}."
        )
