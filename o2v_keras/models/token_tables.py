"""Freezing of token tables, and penalties on rows looked up."""

from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.losses.replicas import sum_over_replicas
from o2v_keras.models.shared_encoders import table_of


def prepared_tables(
    config: Object2VecConfig, encoders: Sequence[keras.layers.Layer]
) -> tuple[TokenEmbedding | None, TokenEmbedding | None]:
    """Returns the token tables of both encoders, frozen as configured.

    Args:
        config: `Object2VecConfig`.
        encoders: The encoders of both sides. One without a table has no
            attribute `token_embedding`.

    Raises:
        ValueError: If the configuration needs a table that is not there.
    """
    tables = [table_of(encoder) for encoder in encoders]
    for side, encoder in config.token_tables.items():
        table = tables[int(side[-1])]
        needs = {
            f"{side}_pretrained_embedding_file": (
                encoder.pretrained_embedding_file
            ),
            "token_embedding_l2": config.token_embedding_l2,
        }
        for name, value in needs.items():
            if value and table is None:
                raise ValueError(
                    f"`{name}` must be left out with an encoder that has no "
                    "token table of ours, an attribute `token_embedding`. "
                    f"Received: {name}={value!r}"
                )
        if config.token_embedding_kl and not isinstance(
            table, GaussianEmbedding
        ):
            raise ValueError(
                f"`token_embedding_kl` must be 0 unless the encoder of {side} "
                "looks ids up in a GaussianEmbedding: make it with "
                "`token_embedding=GaussianEmbedding(...)`. Received: "
                f"token_embedding_kl={config.token_embedding_kl}"
            )
        if encoder.freezes_table:
            table.trainable = False
        if encoder.freeze_epochs and not table.gated:
            raise ValueError(
                f"`{side}_freeze_epochs` must be 0 with an encoder whose "
                "table cannot be frozen for some epochs: make it with "
                "`token_embedding=TokenEmbedding(..., gated=True)`. "
                f"Received: {side}_freeze_epochs={encoder.freeze_epochs}"
            )
    first, second = tables
    return first, second


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
    """Returns a replica's part of the penalty on rows of a global batch.

    `token_embedding_l2 * sum_i(w_i * sum_t(|row_it|^2)) / sum_i(w_i)`: each
    example adds the squares of every row that it looks up. This is the
    regularization of matrix factorization by stochastic gradient descent,
    which penalizes per rating, not per parameter. Or `token_embedding_kl`
    times `sum_i(w_i * sum_t(KL(row_it) / count_it)) / sum_i(w_i)`, where a
    token counts the weights of its training rows, each with the negatives
    drawn for it: that adds the divergence of every row once an epoch.

    Args:
        config: Its penalties and `max_seq_len` are used.
        tables: The token tables of `in0` and `in1`.
        inputs: The sides that training reads, int `(batch, length)`, padded
            with 0, before id dropout.
        sample_weight: `(batch,)`, or `None` for ones.

    Returns:
        A float32 scalar; the replicas' parts add up to the penalty.

    Reference:
    - [Koren, Bell and Volinsky, 2009](https://doi.org/10.1109/MC.2009.263),
      equation 2
    """
    rows = tf.shape(inputs[config.sides[0]])[0]
    if sample_weight is None:
        weights = tf.ones([rows])
    else:
        weights = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    total = 0.0
    for name, table in zip(("in0", "in1"), tables, strict=True):
        if name not in config.sides or not table.trainable:
            continue
        ids = inputs[name][:, : config.side(name).max_seq_len]
        if config.token_embedding_kl:
            # A negative repeats a side of its record, and the other one is
            # drawn by how often the data hold it.
            negatives = config.negative_sampling_rate + config.mined_negatives
            factor = config.token_embedding_kl / (1 + negatives)
            total += factor * table.kl_divergence(ids, weights)
        else:
            is_token = tf.cast(ids != 0, tf.float32)
            token_weights = is_token * weights[:, tf.newaxis]
            factor = config.token_embedding_l2
            total += factor * table.sum_of_squares(ids, token_weights)
    real_rows = sum_over_replicas(tf.reduce_sum(weights))
    return tf.math.divide_no_nan(total, real_rows)
