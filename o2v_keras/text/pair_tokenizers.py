"""The tokenizers of a pair's two sides."""

import hashlib
import os
import pathlib
from typing import Any

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.storage.replace import replaced_file
from o2v_keras.text.tokenizers.tokenizer import Tokenizer

# In a model directory, and among the shards of `convert`, where no glob
# matches the name.
TOKENIZERS_FILE = "tokenizers.keras"
SHARDS_FILE = "_tokenizers.keras"

_FILES = (SHARDS_FILE, TOKENIZERS_FILE, "model.keras")


@keras.saving.register_keras_serializable(package="o2v_keras")
class PairTokenizers(keras.layers.Layer):
    """The tokenizers of the two sides of a pair.

    A layer, so that Keras saves them with a model.

    Args:
        in0: `Tokenizer`, or `None` if `in0` holds ids. Defaults to `None`.
        in1: `Tokenizer` of `in1`, or `None`; the same object as `in0` if both
            sides share one vocabulary. Defaults to `None`.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        TypeError: If a tokenizer is no `Tokenizer`.

    Example:
    >>> PairTokenizers().sides
    {}
    """

    def __init__(
        self,
        in0: Tokenizer | None = None,
        in1: Tokenizer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, tokenizer in (("in0", in0), ("in1", in1)):
            if not isinstance(tokenizer, Tokenizer | None):
                raise TypeError(
                    f"`{name}` must be a Tokenizer or None. "
                    f"Received: {name}={tokenizer!r}"
                )
        self.in0 = in0
        self.in1 = in1
        # There are no weights to build; Keras warns of saving unbuilt layers.
        self.built = True

    @property
    def sides(self) -> dict[str, Tokenizer]:
        """The tokenizers of the sides that hold texts, by name."""
        sides = {"in0": self.in0, "in1": self.in1}
        return {n: side for n, side in sides.items() if side is not None}

    def configure(self, config: Object2VecConfig) -> Object2VecConfig:
        """Returns the configuration with the sizes of the vocabularies."""
        sizes = {
            f"enc{name[-1]}_vocab_size": tokenizer.vocab_size
            for name, tokenizer in self.sides.items()
        }
        return config.replace(**sizes)

    def __str__(self) -> str:
        names = {}
        for name, tokenizer in self.sides.items():
            names.setdefault(tokenizer, []).append(name)
        return "\n".join(
            f"{' and '.join(sides)}: texts, by the tokenizer "
            f'"{tokenizer.kind}" of {tokenizer.vocab_size:,} ids'
            for tokenizer, sides in names.items()
        )

    def unknown_rows(self, table: PairTable) -> np.ndarray:
        """Marks the rows that hold an unknown word.

        Different texts with unknown words may have the same ids.

        Args:
            table: `PairTable`.

        Returns:
            bool `(rows,)`.
        """
        found = np.zeros(len(table), bool)
        for name, side in table.sides.items():
            tokenizer = self.sides.get(name)
            if tokenizer is None:
                continue
            places = np.flatnonzero(tokenizer.is_unknown(side.values))
            found[side.rows_of(places)] = True
        return found

    def fingerprint(self) -> str | None:
        """Digest of the tokenizers; `None` if both sides hold ids."""
        if not self.sides:
            return None
        digest = hashlib.blake2b(digest_size=8)
        for name, tokenizer in self.sides.items():
            digest.update(f"{name} {tokenizer.fingerprint()} ".encode())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tokenizers alone, atomically; `load` reads them back.

        Args:
            path: File to write or replace, ending in `.keras`.
        """
        with replaced_file(path) as new:
            file = new.with_name(f"{new.name}.keras")
            keras.saving.save_model(self, file)
            file.replace(new)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PairTokenizers":
        """Reads tokenizers.

        Args:
            path: A `.keras` file of `save` or of a model, or a folder with
                one: a model directory, or shards of `convert`.

        Raises:
            DataError: If there are no tokenizers, or they are damaged.
        """
        file = pathlib.Path(path)
        if file.is_dir():
            files = [file / name for name in _FILES]
            file = next(filter(pathlib.Path.is_file, files), file)
        try:
            loaded = keras.saving.load_model(file)
        except Exception as error:
            # Keras nests its reasons, the innermost last, with configurations.
            reason = str(error).strip().split("\n\n")[-1]
            raise DataError(
                f"{path}: holds no tokenizers. Name a model directory, the "
                ".keras file of a model, or the folder or the "
                f"{SHARDS_FILE} of converted shards. Received: {reason:.300}"
            ) from error
        tokenizers = getattr(loaded, "tokenizers", loaded)
        if not isinstance(tokenizers, cls):
            raise DataError(
                f"{path}: must hold tokenizers. Received: a "
                f"{type(loaded).__name__}"
            )
        return tokenizers

    def get_config(self):
        config = super().get_config()
        for name in ("in0", "in1"):
            tokenizer = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(tokenizer)
        # Keras would save a shared tokenizer as two.
        if self.in0 is not None and self.in1 is self.in0:
            config["in1"] = "in0"
        return config

    @classmethod
    def from_config(cls, config):
        # TensorFlow Text takes a second to start, and Keras finds only classes
        # that are imported.
        from o2v_keras.text.tokenizers.learn_tokenizer import TOKENIZERS

        ours = {
            keras.saving.get_registered_name(kind): kind
            for kind in TOKENIZERS.values()
        }
        values = dict(config)
        shares = values["in1"] == "in0"
        in0, in1 = (
            keras.saving.deserialize_keras_object(values.pop(name), ours)
            for name in ("in0", "in1")
        )
        return cls(in0, in0 if shares else in1, **values)
