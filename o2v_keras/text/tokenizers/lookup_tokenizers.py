"""Tokenizers that look words up in a vocabulary."""

import os
import pathlib
import re
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from o2v_keras.data.data_error import DataError
from o2v_keras.storage.temporary_folder import TemporaryFolder
from o2v_keras.text.tokenizers.count_parts import count_parts
from o2v_keras.text.tokenizers.normalization import MAX_TEXT_BYTES
from o2v_keras.text.tokenizers.normalization import normalized
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.text.vocabulary_files import words_text

_VOCABULARY_FILE = "vocabulary.txt"
_RESERVED = re.compile(r"\[PAD\]|\[UNK\d*\]")
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"


class VocabularyTokenizer(Tokenizer):
    """A tokenizer whose ids are those of a vocabulary, its asset.

    Args:
        vocabulary: `Vocabulary`. Defaults to `None`: `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        ValueError: If a word of the vocabulary cannot be a line of a file.
    """

    max_bytes = MAX_TEXT_BYTES

    def __init__(self, vocabulary: Vocabulary | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._vocabulary = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary.

        Raises:
            ValueError: If there is none yet.
        """
        if self._vocabulary is None:
            raise ValueError(
                f"{self.name} has no vocabulary: a configuration holds none. "
                "Load the .keras file, or call `set_vocabulary`."
            )
        return self._vocabulary

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Sets the vocabulary.

        Raises:
            ValueError: If a word cannot be a line of a file.
        """
        try:
            self._lines = words_text(
                _VOCABULARY_FILE, vocabulary.words, vocabulary.first_id
            ).encode()
        except ValueError as error:
            raise ValueError(
                "`vocabulary` of a tokenizer must hold words that can be "
                f"lines of a file. Received: {error}"
            ) from None
        self._vocabulary = vocabulary

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def word_ids(self) -> dict[str, int]:
        words, first = self.vocabulary.words, self.vocabulary.first_id
        return {word: id_ for id_, word in enumerate(words, first)}

    def is_unknown(self, ids: np.ndarray) -> np.ndarray:
        return ids < self.vocabulary.first_id

    def get_config(self):
        # Without the vocabulary, which is an asset.
        return super().get_config()

    def save_assets(self, folder: str) -> None:
        _ = self.vocabulary
        pathlib.Path(folder, _VOCABULARY_FILE).write_bytes(self._lines)

    def load_assets(self, folder: str) -> None:
        file = pathlib.Path(folder, _VOCABULARY_FILE)
        self.set_vocabulary(Vocabulary.load(file))

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], hash_buckets: int = 0
    ) -> Tokenizer:
        vocabulary = read_vocabulary(path)
        if hash_buckets:
            vocabulary = Vocabulary(vocabulary.words, hash_buckets)
        return cls(vocabulary)


def read_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """Reads a vocabulary file.

    Raises:
        DataError: If there is no file, or it holds no vocabulary.
    """
    try:
        return Vocabulary.load(path)
    except OSError as error:
        raise DataError(
            f"{path}: must be a vocabulary. Received: {error}"
        ) from None


class LookupTokenizer(VocabularyTokenizer):
    """Splits texts and looks each part up in a vocabulary.

    A part that is no word of the vocabulary gets the id that
    `Vocabulary.ids` gives it: 1, or with hash buckets one of theirs. So do
    the names of padding and unknown words, `[PAD]` and `[UNK]`.

    In a SavedModel the vocabulary is an asset.

    Args:
        vocabulary: `Vocabulary`. Defaults to `None`: `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        ValueError: If a word of the vocabulary cannot be a line of a file.
    """

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        super().set_vocabulary(vocabulary)
        # The table's file must outlive the folder that a model came from.
        folder = TemporaryFolder("vocabulary")
        weakref.finalize(self, folder.close)
        file = folder.path / _VOCABULARY_FILE
        file.write_bytes(self._lines)
        with tf.init_scope():
            self._table = tf.lookup.StaticHashTable(
                tf.lookup.TextFileInitializer(
                    str(file),
                    tf.string,
                    tf.lookup.TextFileIndex.WHOLE_LINE,
                    tf.int64,
                    tf.lookup.TextFileIndex.LINE_NUMBER,
                ),
                default_value=1,
            )

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the parts of texts, strings `(batch, None)`."""
        raise NotImplementedError

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        parts = self.split(texts)
        return parts.with_values(self._ids(parts.values))

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        min_count: int = 1,
        hash_buckets: int = 0,
    ) -> Tokenizer:
        check_room(vocab_size, hash_buckets)
        counts = cls.count(texts)
        return cls(
            Vocabulary.from_counts(counts, min_count, vocab_size, hash_buckets)
        )

    @classmethod
    def count(cls, texts: Iterable[str]) -> Counter[str]:
        """Counts the distinct parts of texts."""
        counts = count_parts(cls.split, texts)
        # In a text, the names of padding and unknown words are unknown words.
        for name in filter(_RESERVED.fullmatch, list(counts)):
            del counts[name]
        return counts

    def _ids(self, parts):
        vocabulary = self.vocabulary
        found = self._table.lookup(parts)  # (parts,)
        # Lines before the first word name padding and unknown words.
        if not vocabulary.hash_buckets:
            return tf.maximum(found, 1)
        buckets = tf.strings.to_hash_bucket_fast(parts, vocabulary.hash_buckets)
        known = found >= vocabulary.first_id
        return tf.where(known, found, 1 + buckets)


def check_room(
    vocab_size: int | None, hash_buckets: int, unknown: int = 0
) -> None:
    """Checks that a vocabulary has room for a word.

    Args:
        vocab_size: Most ids, or `None` for no limit.
        hash_buckets: Ids for unknown words, or for n-grams.
        unknown: Ids for unknown words beside them. Defaults to 0.

    Raises:
        ValueError: If there is none.
    """
    reserved = 1 + max(1, unknown + hash_buckets)
    if vocab_size is not None and vocab_size <= reserved:
        raise ValueError(
            f"`vocab_size` must be more than {reserved}, the ids of padding, "
            "unknown words and n-grams. "
            f"Received: vocab_size={vocab_size}, hash_buckets={hash_buckets}"
        )


@keras.saving.register_keras_serializable(package="o2v_keras")
class WordTokenizer(LookupTokenizer):
    """Ids of words and punctuation marks.

    `normalized` texts are split at white space and around punctuation marks:
    Unicode's punctuation and every ASCII character that is neither letter nor
    digit, like BERT's basic tokenizer. A text without words has no ids.

    Args:
        vocabulary: `Vocabulary`. Defaults to `None`: `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Example:
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog", "!"]))
    >>> tokenizer.tokenize(["A small DOG!", ""])
    <tf.RaggedTensor [[2, 1, 3, 4], []]>

    Reference:
    - [Devlin et al., 2018](https://arxiv.org/abs/1810.04805), `tokenization.py`
      of its code
    """

    kind: ClassVar[str] = "words"

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        return split_words(normalized(texts))


def split_words(
    texts: tf.Tensor, punctuation: str = _PUNCTUATION
) -> tf.RaggedTensor:
    """Splits texts at white space and around punctuation marks.

    Args:
        texts: String tensor of shape `(batch,)`.
        punctuation: Regular expression of RE2 for a mark. Defaults to those
            of `WordTokenizer`.
    """
    # RE2 finds a match alone faster than a group: `\0`, not `\1`.
    apart = tf.strings.regex_replace(texts, punctuation, r" \0 ")
    return tf.strings.split(apart)


@keras.saving.register_keras_serializable(package="o2v_keras")
class UnicodeScriptTokenizer(LookupTokenizer):
    """Ids of the longest runs of characters of one script.

    `normalized` texts are split at white space and where the Unicode script
    changes: between letters of different alphabets, punctuation and digits.
    Punctuation marks stay together, such as `"?!"`. A text without such a run
    has no ids.

    Args:
        vocabulary: `Vocabulary`. Defaults to `None`: `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Example:
    >>> tokenizer = UnicodeScriptTokenizer(Vocabulary(["犬", "dog", "?!"]))
    >>> tokenizer.tokenize(["犬dog?!"])
    <tf.RaggedTensor [[2, 3, 4]]>
    """

    kind: ClassVar[str] = "unicode_script"

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        return tf_text.UnicodeScriptTokenizer().tokenize(normalized(texts))


@keras.saving.register_keras_serializable(package="o2v_keras")
class CategoryTokenizer(LookupTokenizer):
    """One id for each text: that of its category.

    Texts are compared byte by byte, without any normalization. A text that is
    no category of the vocabulary, such as the empty text, has the id of an
    unknown word.

    Args:
        vocabulary: `Vocabulary` of categories. Defaults to `None`:
            `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Example:
    >>> tokenizer = CategoryTokenizer(Vocabulary(["drama", "film noir"]))
    >>> tokenizer.tokenize(["film noir", "Drama", ""]).to_list()
    [[3], [1], [1]]
    """

    kind: ClassVar[str] = "category"
    max_bytes = None

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = tf.convert_to_tensor(texts)
        return tf.RaggedTensor.from_row_lengths(
            texts, tf.ones_like(texts, tf.int64), validate=False
        )


@keras.saving.register_keras_serializable(package="o2v_keras")
class CategoriesTokenizer(LookupTokenizer):
    """The ids of several categories, with `|` between their names.

    For bags of names, such as the products that a customer bought. Names are
    compared byte by byte, as by `CategoryTokenizer`; an empty name has no id.

    Args:
        vocabulary: `Vocabulary` of categories. Defaults to `None`:
            `load_assets` reads it.
        **kwargs: Base layer arguments such as `name`.

    Example:
    >>> tokenizer = CategoriesTokenizer(Vocabulary(["drama", "film noir"]))
    >>> tokenizer.tokenize(["film noir|drama", "Drama|drama", ""]).to_list()
    [[3, 2], [1, 2], []]
    """

    kind: ClassVar[str] = "categories"
    max_bytes = None

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        parts = tf.strings.split(texts, "|")
        is_name = tf.not_equal(parts.values, "")  # (parts,)
        counts = tf.cumsum(tf.cast(is_name, tf.int64))
        counts = tf.concat([[0], counts], 0)
        return tf.RaggedTensor.from_row_splits(
            tf.boolean_mask(parts.values, is_name),
            tf.gather(counts, parts.row_splits),
            validate=False,
        )
