"""Folders of static token vectors, with the tokenizer that they belong to."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from o2v_keras.config import EncoderConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.text.safetensors_file import read_safetensors
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson
from o2v_keras.text.vector_files import require_width

_TOKENIZER = "tokenizer.json"
_TENSORS = "model.safetensors"
# Within a model that sentence-transformers saved.
_MODULE = "0_StaticEmbedding"
_STATIC_EMBEDDING = "embedding.weight"
_MODEL2VEC = "embeddings"
# What the tokens that begin a word have before it.
_WORD_STARTS = {"wordpiece": "", "sentencepiece": "\u2581"}
# Modules that change no direction of a sentence vector.
_MODULES = ("StaticEmbedding", "Normalize")

LAYOUTS = (
    "a StaticEmbedding of sentence-transformers (tokenizer.json and "
    "model.safetensors with the tensor `embedding.weight`, or a model with "
    "these in 0_StaticEmbedding), a model of model2vec (tokenizer.json and "
    "model.safetensors with `embeddings` and perhaps `weights` and `mapping`), "
    "or wordllama's files (weights/*.safetensors with `embedding.weight`, "
    "tokenizers/*_tokenizer_config.json)"
)


class StaticTable(NamedTuple):
    """The files of a folder of static token vectors.

    Args:
        tokenizer: `TokenizerJson` of the folder.
        tensors: Path of its safetensors file.
        key: Name of the tensor of vectors.
    """

    tokenizer: TokenizerJson
    tensors: str
    key: str

    @property
    def drops_unknown(self) -> bool:
        """Whether unknown words are left out of a text, as in model2vec."""
        return self.key == _MODEL2VEC

    @property
    def has_weights(self) -> bool:
        """Whether tokens have weights of their own."""
        return self.drops_unknown and "weights" in read_safetensors(
            self.tensors
        )

    def read(self, dim: int) -> "TokenVectors":
        """Reads the vectors.

        Args:
            dim: Dimension of a token embedding.

        Raises:
            DataError: If the numbers of rows, columns, tokens or weights do
                not fit, or a weight is NaN or infinite.
        """
        content = read_safetensors(self.tensors)
        vectors = content[self.key]
        if vectors.ndim != 2:
            raise DataError(
                f"{self.tensors}: `{self.key}` must be a table. "
                f"Received: shape {vectors.shape}"
            )
        require_width(self.tensors, vectors.shape[1], dim)
        ids = np.array(self.tokenizer.ids)
        rows, weights = np.arange(len(vectors)), np.ones(len(self.tokens))
        if self.key == _MODEL2VEC:
            rows = content.get("mapping", rows)
            weights = content.get("weights", weights)
        weights = self._of_ids("weights", weights, ids)
        rows = self._of_ids(
            "mapping" if "mapping" in content else self.key, rows, ids
        )
        if not 0 <= rows.min() <= rows.max() < len(vectors):
            raise DataError(
                f"{self.tensors}: `mapping` must have rows of `{self.key}`, 0 "
                f"to {len(vectors) - 1}. Received: {rows.min()} to "
                f"{rows.max()}"
            )
        if not np.isfinite(weights).all():
            raise DataError(
                f"{self.tensors}: `weights` must be finite numbers. "
                "Received: NaN or infinity"
            )
        return TokenVectors(self, vectors, rows, weights.astype(np.float32))

    @property
    def tokens(self) -> list[str]:
        """The token of each id of ours; `""` for a padding it lacks."""
        tokens = ["", *self.tokenizer.tokens]
        return [tokens[1 + id_] for id_ in self.tokenizer.ids]

    def _of_ids(self, name, values, ids):
        """Returns the number of each id of ours, of one for each token."""
        values = np.asarray(values)
        if values.ndim != 1 or len(values) <= ids.max():
            raise DataError(
                f"{self.tensors}: `{name}` must have a row for each of the "
                f"{ids.max() + 1} tokens of {self.tokenizer.path}. "
                f"Received: shape {values.shape}"
            )
        # Padding that the file lacks is looked up and not used.
        return values[np.maximum(ids, 0)]


class TokenVectors:
    """The vectors of a folder, in the order of our ids.

    Args:
        table: `StaticTable`.
        vectors: float `(rows, dim)`.
        rows: int `(ids,)`. The row of each id.
        weights: float32 `(ids,)`. The weight of each id.

    Attributes:
        weights: As above.
    """

    def __init__(self, table, vectors, rows, weights):
        self._table = table
        self._vectors = vectors
        self._rows = rows
        self.weights = weights

    def __len__(self) -> int:
        return len(self._rows)

    def values(self, ids: slice) -> np.ndarray:
        """Returns the vectors of some ids, float32 `(ids, dim)`.

        Raises:
            DataError: If one holds NaN or infinity.
        """
        rows = self._rows[ids]
        # Numbers beyond float32 become infinite, which is an error below.
        with np.errstate(over="ignore"):
            values = self._vectors[rows].astype(np.float32)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = int(rows[np.argmin(finite)])
            raise DataError(
                f"{self._table.tensors}: row {row} of `{self._table.key}` "
                "holds NaN or infinity."
            )
        return values

    def require_tokenizer(self, word_ids: Mapping[str, int], size: int) -> None:
        """Raises `DataError` unless ids are those of the folder's tokenizer.

        Args:
            word_ids: The id of each word, `Tokenizer.word_ids`.
            size: Number of ids.
        """
        tokens = self._table.tokens
        start = _WORD_STARTS[self._table.tokenizer.tokenizer]
        if len(tokens) != size or any(
            tokens[id_] != start + word for word, id_ in word_ids.items()
        ):
            raise DataError(
                f"{self._table.tensors}: the ids must be those of its own "
                f"tokenizer, {self._table.tokenizer.path}, with {len(tokens)} "
                f"ids. Received: another tokenizer, with {size} ids"
            )


def static_table(
    side: str, encoder: EncoderConfig, auxiliary: str | os.PathLike[str] | None
) -> StaticTable | None:
    """Returns the folder of static token vectors that a side names.

    Args:
        side: `"enc0"` or `"enc1"`.
        encoder: The side's settings.
        auxiliary: Folder that a relative path is relative to, or `None` for
            the working directory.

    Returns:
        `None` if the side names no folder.

    Raises:
        DataError: If the folder has another layout or its tokenizer is not
            reproduced.
        ValueError: If another tokenizer or a vocabulary is set, or a file of
            such a folder is named.
    """
    name = encoder.pretrained_embedding_file
    if name.endswith(".safetensors"):
        raise ValueError(
            f"`{side}_pretrained_embedding_file` must name the whole folder of "
            f"static token vectors, where their tokenizer is too: {LAYOUTS}. "
            f"Received: {side}_pretrained_embedding_file={name!r}"
        )
    path = os.path.join(os.getcwd() if auxiliary is None else auxiliary, name)
    if not name or is_remote(path) or not os.path.isdir(path):
        return None
    table = find_static_table(path)
    kind = table.tokenizer.tokenizer
    for field, value, expected in (
        ("tokenizer", encoder.tokenizer, kind),
        ("vocab_file", encoder.vocab_file, ""),
    ):
        if value != expected:
            raise ValueError(
                f"`{side}_{field}` must be {expected!r} with the folder of "
                f"{side}_pretrained_embedding_file, whose tokenizer is "
                f"{table.tokenizer.path} ({table.tokenizer.kind}). "
                f"Received: {side}_{field}={value!r}"
            )
    return table


def find_static_table(folder: str | os.PathLike[str]) -> StaticTable:
    """Finds the files of static token vectors in a folder.

    Args:
        folder: A folder as sentence-transformers, model2vec or wordllama
            write it; the message of the error lists the layouts.

    Raises:
        DataError: If it is none of them.
    """
    folder = pathlib.Path(folder)
    for place in (folder, folder / _MODULE):
        if (place / _TOKENIZER).is_file() and (place / _TENSORS).is_file():
            _require_no_other_module(folder)
            tokenizer, tensors = place / _TOKENIZER, place / _TENSORS
            keys = (_STATIC_EMBEDDING, _MODEL2VEC)
            break
    else:
        tensors = _one_file(folder, "weights/*.safetensors")
        tokenizer = _one_file(folder, "tokenizers/*_tokenizer_config.json")
        keys = (_STATIC_EMBEDDING,)
    file = TokenizerJson.read(tokenizer)
    if file is None:
        raise DataError(
            f"{tokenizer}: must be a tokenizer of Hugging Face's tokenizers, "
            "with a section `model`."
        )
    names = read_safetensors(tensors)
    for key in keys:
        if key in names:
            return StaticTable(file, os.fspath(tensors), key)
    raise _unknown_layout(folder, f"tensors {', '.join(names)} in {tensors}")


def _one_file(folder, pattern):
    files = sorted(folder.glob(pattern))
    if len(files) == 1:
        return files[0]
    found = [f"{len(files)} files {pattern}"]
    if not files:
        found = [file.name for file in sorted(folder.iterdir())[:5]]
    raise _unknown_layout(folder, ", ".join(found) or "an empty folder")


def _unknown_layout(folder, found):
    return DataError(
        f"{folder}: must hold static token vectors: {LAYOUTS}. "
        f"Received: {found}"
    )


def _require_no_other_module(folder):
    """Requires that nothing follows the mean of the token vectors."""
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
    except OSError:
        return
    for module in modules:
        name = str(module.get("type")).rpartition(".")[2]
        if name not in _MODULES:
            raise DataError(
                f"{folder / 'modules.json'}: the modules must be "
                f"{' and '.join(_MODULES)} alone, since others are not "
                f"reproduced. Received: {module.get('type')}"
            )
