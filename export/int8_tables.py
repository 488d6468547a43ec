"""Token tables of an export as int8, with a scale for each row."""

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.layers.table_rows import read_parts
from o2v_keras.layers.token_embedding import TokenEmbedding

# int8 codes are from -127 to 127, so that 0 stays 0.
_LARGEST_CODE = 127


class Int8Table(tf.Module):
    """A token table as int8 codes and a float32 scale for each row.

    A row is its codes times its scale, the row's largest absolute value
    divided by 127. So a number is off by at most 1/254 of that value.

    Args:
        embeddings: The table, float `(rows, dim)`. It is not changed.

    Call arguments:
        ids: Integers, all below `rows`.

    Output shape:
        `(*ids.shape, dim)`, float32.

    Example:
    >>> table = Int8Table(keras.Variable([[0.0, 0.0], [1.27, -0.63]]))
    >>> table.codes.numpy()
    array([[  0,   0],
           [127, -63]], dtype=int8)
    >>> table([1]).numpy().round(2)
    array([[ 1.27, -0.63]], dtype=float32)
    """

    def __init__(self, embeddings: keras.Variable):
        super().__init__(name="int8_table")
        self.shape = tuple(embeddings.shape)
        codes = np.empty(self.shape, np.int8)
        scales = np.empty((self.shape[0], 1), np.float32)
        start = 0
        for part in read_parts(embeddings):
            rows = slice(start, start + len(part))
            largest = np.abs(part).max(axis=1, keepdims=True)
            scales[rows] = largest / _LARGEST_CODE
            divisors = np.where(largest > 0, scales[rows], 1)
            codes[rows] = np.rint(part / divisors)
            start = rows.stop
        with tf.device("CPU:0"):
            self.codes = tf.Variable(codes, trainable=False, name="codes")
            self.scales = tf.Variable(scales, trainable=False, name="scales")

    def __call__(self, ids) -> tf.Tensor:
        codes = tf.cast(tf.gather(self.codes, ids), tf.float32)
        return codes * tf.gather(self.scales, ids)


Tables = Mapping[TokenEmbedding, Int8Table]


def int8_tables(model: keras.Model) -> Tables:
    """Returns an int8 table for each token table of a model.

    Args:
        model: `Object2Vec`, or one of its encoders. It is not changed.

    Raises:
        ValueError: If no encoder has a token table of ours.
    """
    layers = dict.fromkeys(
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, TokenEmbedding) and layer.output_dim > 1
    )
    for layer in list(layers):
        if isinstance(layer, GaussianEmbedding):
            # Exports look up means alone.
            del layers[layer.log_variances]
    if not layers:
        raise ValueError(
            '`table_precision` must be "float32" for a model whose encoders '
            "have no token table of ours, a `TokenEmbedding`. Received: "
            'table_precision="int8"'
        )
    return {layer: Int8Table(layer.embeddings) for layer in layers}


@contextlib.contextmanager
def looked_up_in(tables: Tables) -> Iterator[None]:
    """Makes layers look ids up in int8 tables within the context."""
    with contextlib.ExitStack() as stack:
        for layer, table in tables.items():
            stack.enter_context(layer.rows_of(table))
        yield
