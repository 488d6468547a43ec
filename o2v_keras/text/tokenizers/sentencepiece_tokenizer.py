"""Tokenizes texts with a SentencePiece model."""

import os
import pathlib
from typing import Any
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.normalization import MAX_TEXT_BYTES
from o2v_keras.text.tokenizers.normalization import valid_text
from o2v_keras.text.tokenizers.sentencepiece_model import sentencepiece_model
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson

_MODEL_FILE = "sentencepiece.model"

_WORD_START = "\u2581"


@keras.saving.register_keras_serializable(package="o2v_keras")
class SentencepieceTokenizer(Tokenizer):
    """Ids of the pieces of a SentencePiece model, plus 1.

    The model's ids count from 0, which is padding here, so each id is the
    model's plus 1. Models trained with the defaults have the unknown id 0, so
    unknown pieces have id 1. `valid_text` cuts texts and makes them valid; the
    model does all other normalization. No begin or end marks are added.

    In a SavedModel the model is part of the graph, not an asset.

    Args:
        model: Content of a `.model` file. Defaults to `None`: `load_assets`
            reads it.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        DataError: If `model` is no SentencePiece model.

    Reference:
    - [Kudo and Richardson, 2018](https://arxiv.org/abs/1808.06226)
    """

    kind: ClassVar[str] = "sentencepiece"
    max_bytes = MAX_TEXT_BYTES

    def __init__(self, model: bytes | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._model: Any = None
        if model is not None:
            self.set_model(model)

    def set_model(self, model: bytes) -> None:
        """Sets the content of the `.model` file.

        Raises:
            DataError: If it is no SentencePiece model.
        """
        try:
            with tf.init_scope():
                pieces = tf_text.SentencepieceTokenizer(model)
                self._size = 1 + int(pieces.vocab_size())
        except tf.errors.OpError as error:
            raise DataError(
                "`model` must be the content of a SentencePiece model. "
                f"Received: {len(model)} bytes, and {error.message}"
            ) from None
        self._model = model

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], hash_buckets: int = 0
    ) -> Tokenizer:
        """Reads a SentencePiece model, or Hugging Face's `tokenizer.json`.

        Args:
            path: The `.model` file, or a `tokenizer.json` of byte-pair
                encoding with byte fallback, such as Llama 2's. Special tokens
                in a text are characters like any other.
            hash_buckets: Must be 0.

        Raises:
            DataError: If there is no file, or it is neither.
        """
        file = TokenizerJson.read(path)
        if file is not None:
            return cls(sentencepiece_model(file))
        try:
            return cls(pathlib.Path(path).read_bytes())
        except (OSError, DataError) as error:
            raise DataError(
                f"{path}: is no SentencePiece model. Name a `.model` file that "
                "SentencePiece wrote, or a `tokenizer.json` of Hugging Face. "
                f"Received: {error}"
            ) from None

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = self._pieces().tokenize(valid_text(texts))
        return pieces.with_values(1 + tf.cast(pieces.values, tf.int64))

    @property
    def vocab_size(self) -> int:
        self._require_model()
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

    @classmethod
    def learn(cls, texts, vocab_size=None, min_count=1, hash_buckets=0):
        raise ValueError(
            "`vocab_file` must name the `.model` file of SentencePiece, whose "
            "models are not learned here. Received: vocab_file=None"
        )

    def get_config(self):
        # Without the model, which is an asset.
        return super().get_config()

    def save_assets(self, folder: str) -> None:
        self._require_model()
        pathlib.Path(folder, _MODEL_FILE).write_bytes(self._model)

    def load_assets(self, folder: str) -> None:
        self.set_model(pathlib.Path(folder, _MODEL_FILE).read_bytes())

    def _require_model(self):
        if self._model is None:
            raise ValueError(
                f"{self.name} has no model: a configuration holds none. Load "
                "the .keras file, or call `set_model`."
            )

    def _pieces(self):
        self._require_model()
        # One for each graph: in TensorFlow Text 2.21 the model is freed with
        # the kernel that read it, which `keras.utils.clear_session` ends.
        return tf_text.SentencepieceTokenizer(self._model)
