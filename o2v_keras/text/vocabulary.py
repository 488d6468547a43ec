"""Vocabularies: words and their ids."""

import os
import pathlib
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from o2v_keras.storage.replace import write_file
from o2v_keras.text.vocabulary_files import read_word_ids
from o2v_keras.text.vocabulary_files import words_text

_PADDING_NAMES = {"", "[pad]", "<pad>"}
_UNKNOWN_NAMES = {"[unk]", "<unk>", "[oov]", "<oov>"}


class Vocabulary:
    """Maps words to ids.

    The ids are `[padding, unknown..., words...]`: id 0 is padding, which
    every encoder masks; the next `max(1, hash_buckets)` ids are for words
    that are not in the vocabulary; the words follow in their order. Without
    hash buckets, or with one, every unknown word has id 1. With more, an
    unknown word has id `1 + tf.strings.to_hash_bucket_fast(word,
    hash_buckets)`; a graph finds every id with a `tf.lookup.StaticHashTable`
    of the words and that op. Unknown words come first, so that their ids stay
    the same when words are added at the end.

    Args:
        words: Words, the most frequent first. They must be distinct, not
            empty and encodable as UTF-8.
        hash_buckets: Ids for unknown words; 0 and 1 both mean one. Defaults
            to 0.

    Attributes:
        words: tuple of str.
        first_id: int. Id of the first word.

    Raises:
        ValueError: If there is no word, one is malformed or repeated, or
            `hash_buckets` is negative.

    Example:
    >>> vocabulary = Vocabulary.build(["to be or", "not to be"])
    >>> vocabulary.words
    ('be', 'to', 'not', 'or')
    >>> vocabulary.ids(["to", "be", "sure"])
    array([3, 2, 1])
    >>> len(vocabulary)  # enc0_vocab_size
    6
    """

    def __init__(self, words: Sequence[str], hash_buckets: int = 0):
        self.words = tuple(words)
        _check_words(self.words)
        _check_at_least("hash_buckets", hash_buckets, 0)
        self.first_id = 1 + max(1, hash_buckets)
        self._ids = {
            word: id_ for id_, word in enumerate(self.words, self.first_id)
        }
        if len(self._ids) < len(self.words):
            (word, count), *_ = Counter(self.words).most_common(1)
            raise ValueError(
                "`words` must be distinct. "
                f"Received: words with {word!r} {count} times"
            )

    @classmethod
    def build(
        cls,
        rows: Iterable[str | Iterable[str] | None],
        min_count: int = 1,
        max_size: int | None = None,
        hash_buckets: int = 0,
    ) -> "Vocabulary":
        """Makes the vocabulary of a corpus, in one pass over it.

        Args:
            rows: Texts, split at white space, or rows of words. `None` has no
                words.
            min_count: Least count of a word. Defaults to 1.
            max_size: Most ids, padding and unknown words included, like
                `enc0_vocab_size`; the rarest words are left out. Defaults to
                `None`: no limit.
            hash_buckets: Ids for unknown words. Defaults to 0: one id.

        Raises:
            ValueError: If no word is left, or an argument is out of range.
        """
        counts = Counter()
        for row in rows:
            if row is not None:
                counts.update(row.split() if isinstance(row, str) else row)
        return cls.from_counts(counts, min_count, max_size, hash_buckets)

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        min_count: int = 1,
        max_size: int | None = None,
        hash_buckets: int = 0,
    ) -> "Vocabulary":
        """Makes a vocabulary of counted words, the most frequent first.

        Words of equal counts are in alphabetical order.

        Args:
            counts: Word -> its count in the corpus.
            min_count: Least count of a word. Defaults to 1.
            max_size: Most ids, padding and unknown words included. Defaults
                to `None`: no limit.
            hash_buckets: Ids for unknown words. Defaults to 0: one id.

        Raises:
            ValueError: If no word is left, or an argument is out of range.

        Example:
        >>> Vocabulary.from_counts({"b": 2, "a": 2, "c": 3}, max_size=4).words
        ('c', 'a')
        """
        _check_at_least("min_count", min_count, 1)
        most = words_at_most(max_size, hash_buckets)
        frequent = [word for word in counts if counts[word] >= min_count]
        if not frequent:
            raise ValueError(
                "The corpus must hold a word at least `min_count` times. "
                f"Received: min_count={min_count} for {len(counts)} words"
            )
        frequent.sort(key=lambda word: (-counts[word], word))
        return cls(frequent[:most], hash_buckets)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], shift_ids: bool = False
    ) -> "Vocabulary":
        """Reads a vocabulary that `save` or another program wrote.

        The file may name id 0 (`[PAD]`, `<pad>`) and id 1 (`[UNK]`, `<unk>`,
        `[OOV]`, `<oov>`), in any case.

        Args:
            path: SageMaker's `{"word": id}` as `.json`, or `.txt` with a
                word a line; the id is the line number, from 0.
            shift_ids: Whether to renumber the words from 2 on, in the order
                of their ids, if id 0 or 1 is a real word or an id is missing.
                Data with the old ids then no longer fit. Defaults to `False`:
                such a vocabulary is an error.

        Raises:
            ValueError: If the file holds no vocabulary, or its ids differ
                from those of a `Vocabulary`.
        """
        ids = read_word_ids(path)
        words = sorted(ids, key=ids.__getitem__)
        trouble = _trouble(ids, words)
        if trouble and shift_ids:
            names = _PADDING_NAMES | _UNKNOWN_NAMES
            return cls([word for word in words if word.lower() not in names])
        if trouble:
            raise ValueError(
                f"{path}: {trouble}. Renumber the words with --shift-ids "
                "(`shift_ids=True`), and make the data again with the new ids."
            )
        words = [word for word in words if not is_reserved(word, ids[word])]
        return cls(words, hash_buckets=ids[words[0]] - 1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the vocabulary; `load` reads it back.

        The file appears under its name only when it is complete.

        Args:
            path: `.json` for SageMaker's `{"word": id}`, without padding and
                unknown words, or `.txt` with a word a line: `[PAD]`, `[UNK]`
                (with hash buckets `[UNK0]`, `[UNK1]`, ...), then the words.
                The id is the line number, from 0.

        Raises:
            ValueError: If the ending is another one, or a word holds a line
                break and cannot be written as `.txt`.
        """
        text = words_text(path, self.words, self.first_id)
        write_file(pathlib.Path(path), text)

    @property
    def hash_buckets(self) -> int:
        """Number of ids for unknown words; 0 if it is one."""
        return self.first_id - 1 if self.first_id > 2 else 0

    def ids(self, words: Sequence[str]) -> np.ndarray:
        """Returns the ids of words, int64 `(words,)`; never 0.

        Example:
        >>> Vocabulary(["a"], hash_buckets=4).ids(["a", "b", "c"])
        array([5, 3, 1])
        """
        ids = np.array([self._ids.get(word, 1) for word in words], np.int64)
        if self.hash_buckets:
            unknown = np.flatnonzero(ids == 1)
            ids[unknown] += self._buckets(
                [words[place] for place in unknown.tolist()]
            )
        return ids

    def __len__(self) -> int:
        return self.first_id + len(self.words)

    def __contains__(self, word):
        return word in self._ids

    def __eq__(self, other):
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.words, self.first_id) == (other.words, other.first_id)

    def __hash__(self) -> int:
        return hash((self.words, self.first_id))

    def __repr__(self) -> str:
        return (
            f"Vocabulary({len(self.words)} words, "
            f"hash_buckets={self.hash_buckets})"
        )

    def _buckets(self, words):
        # Only TensorFlow knows its hash, and few vocabularies need it.
        import tensorflow as tf

        words = tf.constant(words, tf.string, shape=[len(words)])
        return tf.strings.to_hash_bucket_fast(words, self.hash_buckets).numpy()


def words_at_most(max_size: int | None, hash_buckets: int) -> int | None:
    """Returns the number of words that fit into a vocabulary of some size.

    Args:
        max_size: Most ids, or `None` for no limit.
        hash_buckets: Ids for unknown words.

    Raises:
        ValueError: If there is no room for a word.

    Example:
    >>> words_at_most(10, hash_buckets=0)
    8
    """
    _check_at_least("hash_buckets", hash_buckets, 0)
    if max_size is None:
        return None
    reserved = 1 + max(1, hash_buckets)
    if max_size <= reserved:
        raise ValueError(
            f"`max_size` must be more than {reserved}, the ids of padding and "
            f"unknown words. Received: max_size={max_size}"
        )
    return max_size - reserved


def _check_at_least(name, value, least):
    if value < least:
        raise ValueError(
            f"`{name}` must be at least {least}. Received: {name}={value}"
        )


def _check_words(words):
    if not words:
        raise ValueError("`words` must hold a word. Received: words=[]")
    for word in words:
        if not isinstance(word, str) or not word or not _is_unicode(word):
            raise ValueError(
                "`words` must be strings that are not empty and can be "
                f"encoded as UTF-8. Received: {word!r} among the words"
            )


def _is_unicode(word):
    # JSON can hold a lone surrogate, which UTF-8 cannot encode.
    return word.isascii() or not any("\ud800" <= c <= "\udfff" for c in word)


def is_reserved(word: str, id_: int) -> bool:
    """Whether a word only names id 0 (padding) or 1 (unknown words).

    Example:
    >>> is_reserved("[PAD]", 0), is_reserved("the", 0)
    (True, False)
    """
    names = {0: _PADDING_NAMES, 1: _UNKNOWN_NAMES}.get(id_, ())
    return word.lower() in names


def _trouble(ids, words):
    """Says why ids are not those of a `Vocabulary`; `None` if they are."""
    real = [word for word in words if not is_reserved(word, ids[word])]
    if not real:
        return "holds no word"
    first = ids[real[0]]
    if first == 0:
        return (
            f"id 0 is the word {real[0]!r}, but id 0 is padding and every "
            "encoder masks it"
        )
    if first == 1:
        return f"id 1 is the word {real[0]!r}, but id 1 is for unknown words"
    unknown = any(ids[word] == 1 for word in words)
    expected = range(2 if unknown else first, 2**63)
    for word, id_ in zip(real, expected, strict=False):
        if ids[word] != id_:
            return f"id {id_} is no word, but there are larger ids"
    return None
