"""Metric of the in-batch softmax loss."""

import keras

from o2v_keras.models.in_batch_softmax_loss import query_weights


@keras.saving.register_keras_serializable(package="o2v_keras")
class InBatchSoftmaxMetric(keras.metrics.Mean):
    """Averages `InBatchSoftmaxLoss` over the positives seen so far.

    Args:
        loss: `InBatchSoftmaxLoss`.
        **kwargs: Base arguments; `name` defaults to the loss's.

    Call arguments:
        y_true: int64 `(rows, columns)`, made by `InBatchTargets`.
        y_pred: float32 `(rows, 2, dim)`, made by `PairVectors`.
        sample_weight: Optional `(rows,)`. Defaults to ones.
    """

    def __init__(self, loss, **kwargs):
        super().__init__(**{"name": loss.name, **kwargs})
        self.loss = loss

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(
            self.loss.call(y_true, y_pred),
            query_weights(y_true, sample_weight),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
        }

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config.pop("loss"))
        return cls(loss, **config)
