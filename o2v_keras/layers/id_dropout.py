"""Dropout of ids, which trains the unknown id."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate


@keras.saving.register_keras_serializable(package="o2v_keras")
class IdDropout(keras.layers.Layer):
    """Replaces the first token of random rows by the unknown id in training.

    If a side is an object's id, alone or followed by tokens of its features,
    the unknown id learns to stand for objects unseen in training: alone for
    an average object, with features for what they leave open. Outside
    training the inputs are returned unchanged.

    The first token is the first id that is not 0 (padding). Rows of padding
    alone are unchanged.

    Args:
        rate: float. Share of rows, from 0 to 1.
        unknown_id: int. Id of objects unseen in training, at least 1.
        seed: int. Defaults to `None`: a random one.
        **kwargs: Base layer arguments such as `name`.

    Call arguments:
        inputs: Integer tensor of shape `(batch_size, length)`, padded with 0.
        training: bool. Defaults to `None`, which Keras fills in.

    Output shape:
        That of `inputs`, and their dtype.

    Raises:
        ValueError: If `rate` is outside [0, 1] or `unknown_id` no positive
            integer.

    Example:
    >>> dropout = IdDropout(rate=1.0, unknown_id=9)
    >>> dropout(np.array([[5, 6], [0, 7], [0, 0]]), training=True).numpy()
    array([[9, 6],
           [0, 9],
           [0, 0]])

    Reference:
    - [Volkovs et al., 2017](https://papers.nips.cc/paper/7081) (DropoutNet)
    """

    def __init__(self, rate, unknown_id, seed=None, **kwargs: Any):
        check_rate("rate", rate)
        check_integer("unknown_id", unknown_id)
        super().__init__(**kwargs)
        self.rate = rate
        self.unknown_id = unknown_id
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        if not training:
            return inputs
        is_token = tf.cast(inputs != 0, "int32")
        is_first = (tf.cumsum(is_token, axis=1) == 1) & (is_token == 1)
        draws = keras.random.uniform(
            tf.shape(inputs[:, :1]), seed=self.seed_generator
        )
        unknown = tf.cast(self.unknown_id, inputs.dtype)
        return tf.where(is_first & (draws < self.rate), unknown, inputs)

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "unknown_id": self.unknown_id,
            "seed": self.seed,
        }
