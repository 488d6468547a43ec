"""The base class of all tokenizers."""

import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from o2v_keras.storage.replace import write_file

FORMAT = 1
SETTINGS_FILE = "tokenizer.json"


class Tokenizer(tf.Module):
    """Converts texts to ids, in graph operations.

    The operations are core TensorFlow's and TensorFlow Text's, which TF
    Serving's standard build has. A text's ids do not depend on the batch it
    is in. Id 0 is padding and never comes out.

    Call arguments:
        texts: String tensor of shape `(batch,)`: UTF-8, or any other bytes.

    Output shape:
        `tf.RaggedTensor` of int64, `(batch, None)`, ids from 1 to
        `vocab_size - 1`.

    Attributes:
        kind: str. Value of `enc0_tokenizer` for this kind.
        ordered: bool. Whether ids are in the order of the text, which
            order-sensitive encoders require.
    """

    kind = ""
    ordered = True

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        raise NotImplementedError

    @property
    def vocab_size(self) -> int:
        """Number of ids, padding included."""
        raise NotImplementedError

    def word_ids(self) -> dict[str, int]:
        """Returns the id of every known word."""
        raise NotImplementedError

    def is_unknown(self, ids: np.ndarray) -> np.ndarray:
        """Marks the ids of unknown words.

        Args:
            ids: int array of any shape, of ids from this tokenizer.

        Returns:
            bool array of that shape.
        """
        raise NotImplementedError

    def unknown_share(self, ids: np.ndarray) -> float:
        """Returns the share of unknown words, or pieces.

        Args:
            ids: int array of any shape, of ids from this tokenizer.
        """
        raise NotImplementedError

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the tokenizer; `load_tokenizer` reads it back.

        Each file appears under its name only when it is complete, and
        `tokenizer.json` last.

        Args:
            folder: Folder; created if missing.
        """
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._all_files().items():
            write_file(folder / name, content)

    def fingerprint(self) -> str:
        """Returns 64 hexadecimal digits that differ where ids may differ."""
        digest = hashlib.sha256()
        for name, content in self._all_files().items():
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    @classmethod
    def from_folder(cls, folder: pathlib.Path, settings: dict) -> "Tokenizer":
        """Reads a tokenizer that `save` wrote.

        Args:
            folder: Folder of the files.
            settings: Content of `tokenizer.json` without format and kind.
        """
        raise NotImplementedError

    def __reduce__(self):
        # A TensorFlow table cannot be copied: the files make a new one.
        return _from_files, (self._all_files(),)

    def _settings(self) -> dict:
        return {}

    def _files(self) -> dict[str, bytes]:
        raise NotImplementedError

    def _all_files(self):
        settings = {"format": FORMAT, "kind": self.kind, **self._settings()}
        text = json.dumps(settings, indent=2) + "\n"
        return {**self._files(), SETTINGS_FILE: text.encode()}


def _from_files(files):
    # Loading knows all kinds of tokenizers, which know this module.
    from o2v_keras.text.tokenizers.load_tokenizer import load_tokenizer

    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            pathlib.Path(folder, name).write_bytes(content)
        return load_tokenizer(folder)
