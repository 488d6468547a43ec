"""A loss as a metric, and the weights of rows."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="o2v_keras")
class LossMetric(keras.metrics.Mean):
    """Averages a loss over what it has seen so far.

    Args:
        loss: Loss with a method `values`, such as `EmbeddingLoss`.
        **kwargs: Base arguments; `name` defaults to the loss's.

    Call arguments:
        y_true, y_pred, sample_weight: Those of the loss.
    """

    def __init__(self, loss, **kwargs: Any):
        super().__init__(**{"name": loss.name, **kwargs})
        self.loss = loss

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(*self.loss.values(y_true, y_pred, sample_weight))

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
        }

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config.pop("loss"))
        return cls(loss, **config)


def row_weights(rows: tf.Tensor, sample_weight: tf.Tensor | None) -> tf.Tensor:
    """Returns the weights of rows, float `(batch,)`.

    Args:
        rows: `(batch,)`. Their dtype becomes that of the weights.
        sample_weight: `(batch,)` or `(batch, 1)`. `None`: ones.

    Example:
    >>> row_weights(tf.constant([0.5, 0.5]), None).numpy()
    array([1., 1.], dtype=float32)
    """
    if sample_weight is None:
        return tf.ones_like(rows)
    return tf.reshape(tf.cast(sample_weight, rows.dtype), [-1])
