"""Limits the length of a batch of id sequences."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.argument_checks import check_integer


@keras.saving.register_keras_serializable(package="o2v_keras")
class SequenceLimit(keras.layers.Layer):
    """Keeps the first `max_length` ids of every row, and at least one step.

    Longer rows are cut, as SageMaker's Object2Vec does with `max_seq_len`. A
    batch of length 0 gets one step of the padding id 0, because recurrent
    layers need a step. As a layer of the graph it applies alike to a model,
    its sub-models and its exports.

    Args:
        max_length: int. Length of the longest sequence, in steps; at least
            1.
        **kwargs: Base layer arguments such as `name`.

    Call arguments:
        inputs: Integer tensor of shape `(batch_size, length)`; any length,
            0 included.

    Output shape:
        `(batch_size, min(max(length, 1), max_length))`, of the dtype of
        `inputs`. The length is `None` in a symbolic call.

    Raises:
        ValueError: If `max_length` is not a positive integer.

    Example:
    >>> limit = SequenceLimit(max_length=3)
    >>> limit(np.array([[5, 6, 7, 8]])).numpy()
    array([[5, 6, 7]])
    >>> limit(np.zeros((2, 0), "int64")).numpy()
    array([[0],
           [0]])
    """

    def __init__(self, max_length, **kwargs: Any):
        check_integer("max_length", max_length)
        super().__init__(**kwargs)
        self.max_length = max_length

    def call(self, inputs):
        limited = inputs[:, : self.max_length]
        missing = tf.maximum(1 - tf.shape(limited)[1], 0)
        return tf.pad(limited, [[0, 0], [0, missing]])

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}
