"""The contract of a tokenizer: a Keras layer from texts to ids."""

import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Tokenizer(keras.layers.Layer):
    """Converts texts to ids, in graph operations.

    The layer can be used in `tf.data.Dataset.map` and in a model with
    `keras.Input((), dtype="string")`. Its vocabulary is an asset of a
    `.keras` file; `get_config` holds only small settings.

    A tokenizer of your own is a subclass with
    `keras.saving.register_keras_serializable`. It must define `tokenize` and
    `vocab_size`. If it has a vocabulary, it must also define `save_assets`
    and `load_assets`; if it has settings, `get_config`. To be learned from
    training texts or read from `enc0_vocab_file`, it defines `learn` and
    `from_file`. For TF Serving, `tokenize` may use the operations of core
    TensorFlow and TensorFlow Text alone.

    Args:
        **kwargs: Base layer arguments such as `name`.

    Call arguments:
        texts: Strings of shape `(batch,)`: a tensor, an array or a list. UTF-8,
            or any other bytes.

    Output shape:
        int64 `(batch, length)`, padded with 0 to the longest text.

    Attributes:
        kind: str. Value of `enc0_tokenizer` for this class: its registered
            name, such as `"my_package>MyTokenizer"`.
        ordered: bool. Whether ids are in the order of the text, as `hcnn` and
            `bilstm` require. Defaults to `True`.
        max_bytes: int or `None`. Bytes of a text that are read; longer texts
            are warned of. Defaults to `None`: all.

    Example:
    >>> @keras.saving.register_keras_serializable(package="doctest")
    ... class Characters(Tokenizer):
    ...     vocab_size = 2 + 0x110000  # padding, unknown, code points
    ...     def tokenize(self, texts):
    ...         codes = tf.strings.unicode_decode(texts, "UTF-8")
    ...         return 2 + tf.cast(codes, tf.int64)
    >>> tokenizer = Characters()
    >>> tokenizer.kind
    'doctest>Characters'
    >>> tokenizer(["ab", "c"])
    <tf.Tensor: shape=(2, 2), dtype=int64, numpy=
    array([[ 99, 100],
           [101,   0]])>
    """

    ordered = True
    max_bytes: int | None = None

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("dtype", "int64")
        super().__init__(**kwargs)
        # There are no weights to build; Keras warns of saving unbuilt layers.
        self.built = True

    @property
    def kind(self) -> str:
        return keras.saving.get_registered_name(type(self))

    @property
    def vocab_size(self) -> int:
        """Number of ids, padding included."""
        raise NotImplementedError

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids of texts without padding.

        A text's ids must not depend on the batch it is in.

        Args:
            texts: String tensor of shape `(batch,)`.

        Returns:
            int64 `(batch, None)`, ids from 1 to `vocab_size - 1`: 0 is
            padding and never comes out, 1 is for unknown words.
        """
        raise NotImplementedError

    def word_ids(self) -> dict[str, int]:
        """Returns the id of every known word, for pretrained vectors.

        Defaults to none.
        """
        return {}

    def is_unknown(self, ids: np.ndarray) -> np.ndarray:
        """Marks the ids of unknown words, by default id 1.

        Args:
            ids: int array of any shape, of ids from this tokenizer.

        Returns:
            bool array of that shape.
        """
        return ids == 1

    def unknown_share(self, ids: np.ndarray) -> float:
        """Returns the share of unknown words, or pieces.

        Args:
            ids: int array of any shape, of ids from this tokenizer.
        """
        return float(np.mean(self.is_unknown(ids))) if ids.size else 0.0

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        min_count: int = 1,
        hash_buckets: int = 0,
    ) -> "Tokenizer":
        """Makes a tokenizer from training texts.

        By default there is nothing to learn: returns `cls()`.

        Args:
            texts: Texts that are not empty, to be read once.
            vocab_size: Most ids, or `None` for no limit.
            min_count: Least count of a word.
            hash_buckets: Ids for unknown words, or for n-grams.

        Raises:
            ValueError: If an argument does not fit the tokenizer.
        """
        return cls()

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], hash_buckets: int = 0
    ) -> "Tokenizer":
        """Makes a tokenizer from a vocabulary file.

        Args:
            path: The file, `enc0_vocab_file`.
            hash_buckets: As in `learn`.

        Raises:
            DataError: If the file holds no vocabulary of the tokenizer.
        """
        raise ValueError(
            f"`vocab_file` must be left out for {cls.__name__}, which reads "
            f"no vocabulary file. Received: vocab_file={path!r}"
        )

    def fingerprint(self) -> str:
        """Returns 64 hexadecimal digits that differ where ids may differ.

        They depend on the class, `get_config` without the name, and the
        assets.
        """
        config = {"kind": self.kind, **self.get_config(), "name": None}
        digest = hashlib.sha256()
        digest.update(json.dumps(config, sort_keys=True).encode())
        with tempfile.TemporaryDirectory() as folder:
            if hasattr(self, "save_assets"):
                self.save_assets(folder)
            for file in sorted(pathlib.Path(folder).rglob("*")):
                if file.is_file():
                    content = file.read_bytes()
                    name = file.relative_to(folder).as_posix()
                    digest.update(f"{name} {len(content)}\n".encode())
                    digest.update(content)
        return digest.hexdigest()

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(texts, keras.KerasTensor):
            texts = text_tensor(texts)
        return super().__call__(texts, *args, **kwargs)

    def call(self, texts: Any) -> Any:
        return self.tokenize(texts).to_tensor()

    def compute_output_spec(self, texts: Any) -> Any:
        return keras.KerasTensor((texts.shape[0], None), "int64")


def text_tensor(texts: Any) -> tf.Tensor:
    """Returns texts as a string tensor.

    Lone surrogates become bytes that are no UTF-8, which tokenizers read as
    U+FFFD.

    Args:
        texts: String tensor, array of str or bytes, or list of them.

    Raises:
        ValueError: If an element is no text.

    Example:
    >>> text_tensor(np.array(["a", "dog"]))
    <tf.Tensor: shape=(2,), dtype=string, numpy=array([b'a', b'dog'], ...)>
    """
    if tf.is_tensor(texts):
        return texts
    if hasattr(texts, "tolist"):  # NumPy, pandas
        texts = texts.tolist()
    try:
        return tf.constant(texts, tf.string)
    except (TypeError, ValueError):
        pass
    for row, text in enumerate(texts):
        if not isinstance(text, str | bytes):
            raise ValueError(
                "`texts` must be a list of str or bytes. "
                f"Received: {text!r} in row {row}"
            )
    return tf.constant(
        [
            text.encode(errors="surrogatepass")
            if isinstance(text, str)
            else text
            for text in texts
        ],
        tf.string,
    )
