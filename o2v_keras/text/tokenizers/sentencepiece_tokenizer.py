"""Tokenizes texts with a SentencePiece model."""

import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.normalization import valid_text
from o2v_keras.text.tokenizers.tokenizer import Tokenizer

MODEL_FILE = "sentencepiece.model"

_WORD_START = "\u2581"


class SentencepieceTokenizer(Tokenizer):
    """Ids of the pieces of a SentencePiece model, plus 1.

    The model's ids count from 0, which is padding here, so each id is the
    model's plus 1. Models trained with the defaults have the unknown id 0, so
    unknown pieces have id 1. `valid_text` cuts texts and makes them valid; the
    model does all other normalization. No begin or end marks are added.

    In a SavedModel the model is part of the graph, not an asset.

    Args:
        model: Content of a `.model` file.

    Raises:
        DataError: If `model` is no SentencePiece model.

    Reference:
    - [Kudo and Richardson, 2018](https://arxiv.org/abs/1808.06226)
    """

    kind = "sentencepiece"

    def __init__(self, model: bytes):
        super().__init__()
        self._model = model
        try:
            self._size = 1 + int(self._pieces().vocab_size())
        except tf.errors.OpError as error:
            raise DataError(
                "`model` must be the content of a SentencePiece model. "
                f"Received: {len(model)} bytes, and {error.message}"
            ) from None

    @classmethod
    def from_file(cls, path: str) -> "SentencepieceTokenizer":
        """Reads a SentencePiece model.

        Args:
            path: The `.model` file.

        Raises:
            DataError: If there is no file or it is no SentencePiece model.
        """
        try:
            return cls(pathlib.Path(path).read_bytes())
        except (OSError, DataError) as error:
            raise DataError(
                f"{path}: is no SentencePiece model. Name a `.model` file that "
                f"SentencePiece wrote. Received: {error}"
            ) from None

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = self._pieces().tokenize(valid_text(texts))
        return pieces.with_values(1 + tf.cast(pieces.values, tf.int64))

    @property
    def vocab_size(self) -> int:
        return self._size

    def word_ids(self) -> dict[str, int]:
        pieces = self._pieces().id_to_string(tf.range(self._size - 1)).numpy()
        names = [piece.decode() for piece in pieces]
        return {
            name.removeprefix(_WORD_START): id_
            for id_, name in enumerate(names, 1)
            if name.startswith(_WORD_START) and name != _WORD_START
        }

    def is_unknown(self, ids: np.ndarray) -> np.ndarray:
        # No piece holds a blank: the model marks it by another character.
        return ids == 1 + int(self._pieces().string_to_id(" "))

    def unknown_share(self, ids: np.ndarray) -> float:
        return float(np.mean(self.is_unknown(ids))) if ids.size else 0.0

    @classmethod
    def from_folder(cls, folder: pathlib.Path, settings: dict) -> Tokenizer:
        return cls.from_file(str(folder / MODEL_FILE), **settings)

    def _files(self):
        return {MODEL_FILE: self._model}

    def _pieces(self):
        # One for each graph: in TensorFlow Text 2.21 the model is freed with
        # the kernel that read it, which `keras.utils.clear_session` ends.
        return tf_text.SentencepieceTokenizer(self._model)
