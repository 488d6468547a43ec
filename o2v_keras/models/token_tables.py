"""Freezing of token tables, and the L2 penalty on rows looked up."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.replicas import sum_over_replicas


class FrozenTables(keras.callbacks.Callback):
    """Freezes token tables for a number of first epochs.

    The state depends on the number of the epoch alone, so training can
    resume.

    Args:
        epochs: Gated table -> number of epochs in which it is frozen.

    Example:
    >>> table = TokenEmbedding(9, 4, gated=True)
    >>> table.build((None, None))
    >>> callback = FrozenTables({table: 2})
    >>> callback.on_epoch_begin(1)
    >>> float(table.gate)
    0.0
    """

    def __init__(self, epochs: Mapping[TokenEmbedding, int]):
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        for table, frozen_epochs in self._epochs.items():
            table.gate.assign(float(epoch >= frozen_epochs))


def row_penalty(
    config: Object2VecConfig,
    tables: tuple[TokenEmbedding, TokenEmbedding],
    inputs: dict[str, tf.Tensor],
    sample_weight: tf.Tensor | None,
) -> tf.Tensor:
    """Returns a replica's part of the L2 penalty of a global batch.

    `token_embedding_l2 * sum_i(w_i * sum_t(|row_it|^2)) / sum_i(w_i)`: each
    example adds the squares of every row that it looks up. This is the
    regularization of matrix factorization by stochastic gradient descent,
    which penalizes per rating, not per parameter.

    Args:
        config: Its `token_embedding_l2` and `max_seq_len` are used.
        tables: The token tables of `in0` and `in1`.
        inputs: `in0` and `in1`, int `(batch, length)`, padded with 0, before
            id dropout.
        sample_weight: `(batch,)`, or `None` for ones.

    Returns:
        A float32 scalar; the replicas' parts add up to the penalty.

    Reference:
    - [Koren, Bell and Volinsky, 2009](https://doi.org/10.1109/MC.2009.263),
      equation 2
    """
    rows = tf.shape(inputs["in0"])[0]
    if sample_weight is None:
        weights = tf.ones([rows])
    else:
        weights = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    total = 0.0
    sides = zip(
        ("in0", "in1"),
        tables,
        (config.encoder0, config.encoder1),
        strict=True,
    )
    for name, table, encoder in sides:
        if not table.trainable:
            continue
        ids = inputs[name][:, : encoder.max_seq_len]
        is_token = tf.cast(ids != 0, tf.float32)
        total += table.sum_of_squares(ids, is_token * weights[:, tf.newaxis])
    real_rows = sum_over_replicas(tf.reduce_sum(weights))
    return config.token_embedding_l2 * tf.math.divide_no_nan(total, real_rows)
