"""What a model gives for every row of a table, again and again."""

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.sequences import Sequences
from o2v_keras.progress import Progress


class RowOutputs:
    """Calls a model on all rows of sequences, in order.

    Rows are held and the model is traced once, however often the outputs
    are asked for while its weights change.

    Args:
        model: Keras model with one input, or with those that `sides` names.
        sides: Name of each input -> its rows and the length they are cut to.
        batch_size: Rows of a step.

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

        # `model.predict` traces anew for each length it meets; this does not.
        @tf.function(input_signature=[self._batches.element_spec])
        def outputs(batch):
            return model(
                batch if len(batch) > 1 else next(iter(batch.values())),
                training=False,
            )

        # Of many functions made at one place TensorFlow warns when called.
        self._outputs = outputs.get_concrete_function()

    def __call__(self) -> np.ndarray:
        """Returns float32 `(rows, dim)` by the weights as they are."""
        parts = []
        what = f"running the model on {self._what}"
        with Progress(what, self._count) as progress:
            for batch in self._batches:
                parts.append(self._outputs(batch).numpy())
                progress.add(len(parts[-1]))
        return np.concatenate(parts).astype(np.float32)
