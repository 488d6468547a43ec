"""What a model answers for rows, and the texts that they were read from."""

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import texts_in_memory
from o2v_keras.data.read.paths import is_tfrecord
from o2v_keras.data.read.record import Column
from o2v_keras.data.read_source import Source
from o2v_keras.data.sequences import Sequences
from o2v_keras.models.trainable_model import scores_of
from o2v_keras.progress import Progress


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
            inputs = batch if len(batch) > 1 else next(iter(batch.values()))
            return scores_of(model(inputs, training=False))

        # A concrete function avoids TensorFlow's warning about retracing.
        self._outputs = outputs.get_concrete_function()

    def __call__(self) -> np.ndarray:
        """Returns float32 `(rows, dim)` for the current weights."""
        dim = self._outputs.output_shapes[-1]
        parts = [np.zeros((0, dim), np.float32)]
        what = f"running the model on {self._what}"
        with Progress(what, self._count) as progress:
            for batch in self._batches:
                parts.append(self._outputs(batch).numpy())
                progress.add(len(parts[-1]))
        return np.concatenate(parts).astype(np.float32)


def has_texts(source: Source) -> bool:
    """Whether a source holds texts still, and not their ids alone."""
    return not (isinstance(source, PairTable) or is_tfrecord(source))


def came_from_texts(source: Source) -> bool:
    """Whether texts can be read from a source, or from a table's files."""
    if not isinstance(source, PairTable):
        return has_texts(source)
    paths = [place.path for place in source.origin.sources]
    return all(path and not is_tfrecord(path) for path in paths)


def original_texts(
    source: Source, origin: Provenance, column: str
) -> list[str | None]:
    """Reads the texts of rows from their source again.

    A row whose column holds no text has `None`.

    Args:
        source: The files or the data in memory that the rows come from.
        origin: The provenance of the rows, in any order.
        column: Name of the column with the texts.

    Example:
    >>> source = {"in0": ["a dog", "a cat", "a cow"]}
    >>> rows = Provenance.in_memory(3).take(np.array([2, 0]))
    >>> original_texts(source, rows, "in0")
    ['a cow', 'a dog']
    """
    if not isinstance(source, PairTable) and is_in_memory(source):
        texts = texts_in_memory(source, column)
        return [texts[row] for row in origin.numbers]
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
    for piece in read_blocks(path, {"text": Column(column, "text")}):
        wanted = np.isin(piece.numbers, numbers)
        rows = piece.table["text"].filter(wanted).to_pylist()
        texts.update(zip(piece.numbers[wanted].tolist(), rows, strict=True))
    return [texts[number] for number in numbers.tolist()]
