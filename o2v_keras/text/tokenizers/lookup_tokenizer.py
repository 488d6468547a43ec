"""Base of the tokenizers that look up parts of a text."""

import weakref

import tensorflow as tf

from o2v_keras.storage.temporary_folder import TemporaryFolder
from o2v_keras.text.tokenizers.vocabulary_tokenizer import VOCABULARY_FILE
from o2v_keras.text.tokenizers.vocabulary_tokenizer import VocabularyTokenizer
from o2v_keras.text.vocabulary import Vocabulary


class LookupTokenizer(VocabularyTokenizer):
    """Splits texts and looks each part up in a vocabulary.

    A part that is no word of the vocabulary gets the id that
    `Vocabulary.ids` gives it: 1, or with hash buckets one of theirs. So do
    the names of padding and unknown words, `[PAD]` and `[UNK]`.

    In a SavedModel the vocabulary is an asset.

    Args:
        vocabulary: `Vocabulary`.

    Raises:
        ValueError: If a word of the vocabulary cannot be a line of a file.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__(vocabulary)
        # The table's file must outlive the folder that a model came from.
        folder = TemporaryFolder("vocabulary")
        weakref.finalize(self, folder.close)
        file = folder.path / VOCABULARY_FILE
        file.write_bytes(self._lines)
        initializer = tf.lookup.TextFileInitializer(
            str(file),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self._table = tf.lookup.StaticHashTable(initializer, default_value=1)

    @staticmethod
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the parts of texts, strings `(batch, None)`."""
        raise NotImplementedError

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        parts = self.split(texts)
        return parts.with_values(self._ids(parts.values))

    def _ids(self, parts):
        found = self._table.lookup(parts)  # (parts,)
        # Lines before the first word name padding and unknown words.
        if not self.vocabulary.hash_buckets:
            return tf.maximum(found, 1)
        buckets = tf.strings.to_hash_bucket_fast(
            parts, self.vocabulary.hash_buckets
        )
        known = found >= self.vocabulary.first_id
        return tf.where(known, found, 1 + buckets)
