"""Base of the tokenizers with a vocabulary."""

import pathlib

import numpy as np

from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.text.vocabulary_files import words_text

VOCABULARY_FILE = "vocabulary.txt"


class VocabularyTokenizer(Tokenizer):
    """A tokenizer whose ids are those of a vocabulary.

    Args:
        vocabulary: `Vocabulary`.

    Raises:
        ValueError: If a word of the vocabulary cannot be a line of a file.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self.vocabulary = vocabulary
        try:
            self._lines = words_text(
                VOCABULARY_FILE, vocabulary.words, vocabulary.first_id
            ).encode()
        except ValueError as error:
            raise ValueError(
                "`vocabulary` of a tokenizer must hold words that can be "
                f"lines of a file. Received: {error}"
            ) from None

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def word_ids(self) -> dict[str, int]:
        words, first = self.vocabulary.words, self.vocabulary.first_id
        return {word: id_ for id_, word in enumerate(words, first)}

    def is_unknown(self, ids: np.ndarray) -> np.ndarray:
        return ids < self.vocabulary.first_id

    def unknown_share(self, ids: np.ndarray) -> float:
        words = ids[ids < len(self.vocabulary)]  # n-grams come after
        return float(np.mean(self.is_unknown(words))) if words.size else 0.0

    @classmethod
    def from_folder(cls, folder: pathlib.Path, settings: dict) -> Tokenizer:
        return cls(Vocabulary.load(folder / VOCABULARY_FILE), **settings)

    def _files(self):
        return {VOCABULARY_FILE: self._lines}
