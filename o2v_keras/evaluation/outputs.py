"""Computes and writes the outputs of a model for rows of data."""

import json
import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.files.column_files import read_columns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import Source
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.sequences import Sequences
from o2v_keras.data.text.text_arrays import to_texts
from o2v_keras.progress_lines import ProgressLines
from o2v_keras.storage.replace import replaced_file


class RowOutputs:
    """Calls a model on all rows of sequences, in order.

    It traces the model once and can be called again after weights change.

    Args:
        model: Keras model with one input, or with the inputs in `sides`.
        sides: Name of each input -> its rows and their largest length.
        batch_size: int. Rows of a step.

    Example:
    >>> rows = Sequences.from_any([[1], [2, 3]], "in0")
    >>> inputs = keras.Input((None,), dtype="int64")
    >>> model = keras.Model(inputs, keras.ops.sum(inputs, -1, keepdims=True))
    >>> RowOutputs(model, {"in0": (rows, 5)}, batch_size=8)()
    array([[1.],
           [5.]], dtype=float32)
    """

    def __init__(
        self,
        model: keras.Model,
        sides: dict[str, tuple[Sequences, int]],
        batch_size: int,
    ):
        rows = {name: PaddedRows(*parts) for name, parts in sides.items()}
        self._count = len(next(iter(sides.values()))[0])
        self._what = " and ".join(sides)
        numbers = tf.data.Dataset.range(self._count).batch(batch_size)
        self._batches = numbers.map(
            lambda batch: {name: r.gather(batch) for name, r in rows.items()},
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)

        # `model.predict` would trace again for each new length.
        @tf.function(input_signature=[self._batches.element_spec])
        def outputs(batch):
            return model(
                batch if len(batch) > 1 else next(iter(batch.values())),
                training=False,
            )

        # A concrete function avoids TensorFlow's warning about retracing.
        self._outputs = outputs.get_concrete_function()

    def __call__(self) -> np.ndarray:
        """Returns float32 `(rows, dim)` for the current weights."""
        lines = ProgressLines(f"running the model on {self._what}", self._count)
        parts = []
        for batch in self._batches:
            parts.append(self._outputs(batch).numpy())
            lines.add(len(parts[-1]))
        return np.concatenate(parts).astype(np.float32)


def has_texts(source: Source) -> bool:
    """Whether a source can hold texts: a `PairTable` has ids alone."""
    return not isinstance(source, PairTable)


def original_texts(source: Source, origin: RowOrigin, column: str) -> list[str]:
    """Reads the texts of rows from their source again.

    Args:
        source: The files or the mapping that the rows come from.
        origin: The provenance of the rows, in any order.
        column: Name of the column with the texts.

    Example:
    >>> source = {"in0": ["a dog", "a cat", "a cow"]}
    >>> rows = RowOrigin.in_memory(3).take(np.array([2, 0]))
    >>> original_texts(source, rows, "in0")
    ['a cow', 'a dog']
    """
    if isinstance(source, Mapping):
        texts = to_texts(source[column], column)
        return texts.take(origin.numbers).to_pylist()
    found = np.empty(len(origin), object)
    for number, file in enumerate(origin.sources):
        rows = np.flatnonzero(origin.source_ids == number)
        if len(rows):
            found[rows] = _texts_of_file(
                file.path, origin.numbers[rows], column
            )
    return found.tolist()


def _texts_of_file(path, numbers, column):
    """Returns the texts of some lines or rows of a file, in any order."""
    texts = dict.fromkeys(numbers.tolist())
    for piece in read_columns(path, {"text": Column(column, "text")}):
        wanted = np.isin(piece.numbers, numbers)
        rows = piece.table["text"].filter(wanted).to_pylist()
        texts.update(zip(piece.numbers[wanted].tolist(), rows, strict=True))
    return [texts[number] for number in numbers.tolist()]


def write_vectors(
    path: str | os.PathLike, vectors: np.ndarray, name: str
) -> None:
    """Writes vectors atomically, in the format of the ending of `path`.

    Args:
        path: `.npy` (an array), `.parquet` (a fixed-size list column) or
            `.jsonl` (a line `{"<name>": [...]}` each, as in SageMaker's
            responses).
        vectors: float32 `(rows, dim)`.
        name: Name of the column or key, such as `"scores"`.

    Raises:
        ValueError: If the ending is unknown.
    """
    check_vector_path(path)
    path = pathlib.Path(path)
    with replaced_file(path) as new, open(new, "wb") as file:
        _WRITERS[path.suffix](file, vectors, name)


def check_vector_path(path: str | os.PathLike) -> None:
    """Checks an output path before anything is computed.

    Raises:
        ValueError: If the ending is none of `.npy`, `.parquet` and `.jsonl`,
            or the folder does not exist.
    """
    path = pathlib.Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(
            f"`path` must end in {', '.join(_WRITERS)}. "
            f"Received: path={os.fspath(path)!r}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            "`path` must be a file in an existing folder. "
            f"Received: path={os.fspath(path)!r}"
        )


def _npy(file, vectors, name):
    np.save(file, vectors)


def _parquet(file, vectors, name):
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    pq.write_table(pa.table({name: column}), file)


def _json_lines(file, vectors, name):
    for vector in vectors:
        line = json.dumps({name: vector.tolist()})
        file.write(line.encode() + b"\n")


_WRITERS = {".npy": _npy, ".parquet": _parquet, ".jsonl": _json_lines}
