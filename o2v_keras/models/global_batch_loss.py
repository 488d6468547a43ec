"""Loss of a global batch, whatever number of replicas shares it."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="o2v_keras")
class GlobalBatchLoss(keras.losses.Loss):
    """Mean loss over the real rows of the global batch.

    `sum_i(w_i * loss_i) / sum_i(w_i)`, both sums taken over all replicas. A
    row of weight 0 is a fill row: it changes neither sum. Keras's own
    reduction averages each replica's rows and then the replicas, which is
    another value, and another gradient, as soon as a batch does not divide.
    Under a strategy each replica's value is its part of the sum.

    Args:
        kind: str. `"cross_entropy"` (integer labels, probabilities) or
            `"mean_squared_error"`.
        **kwargs: Base arguments; `name` defaults to `kind`.

    Call arguments:
        y_true: `(batch,)`. Class numbers or real values.
        y_pred: `(batch, num_classes)` probabilities or `(batch, 1)`.
        sample_weight: Optional `(batch,)`. Defaults to ones.

    Raises:
        ValueError: If `kind` is another word.

    Example:
    >>> loss = GlobalBatchLoss("mean_squared_error")
    >>> y_true, y_pred = np.array([1.0, 0.0]), np.array([[3.0], [9.0]])
    >>> float(loss(y_true, y_pred, sample_weight=np.array([1.0, 0.0])))
    4.0
    """

    def __init__(self, kind, **kwargs):
        if kind not in ("cross_entropy", "mean_squared_error"):
            raise ValueError(
                '`kind` must be "cross_entropy" or "mean_squared_error". '
                f"Received: kind={kind!r}"
            )
        super().__init__(**{"name": kind, **kwargs})
        self.kind = kind

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)  # (B,)
        if sample_weight is None:
            weights = ops.ones_like(losses)
        else:
            weights = ops.reshape(ops.cast(sample_weight, losses.dtype), [-1])
        total = ops.sum(losses * weights)
        return ops.divide_no_nan(total, over_all_replicas(ops.sum(weights)))

    def call(self, y_true, y_pred):
        y_true = ops.reshape(y_true, [-1])
        if self.kind == "cross_entropy":
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        y_pred = ops.reshape(y_pred, [-1])
        return ops.square(y_pred - ops.cast(y_true, y_pred.dtype))

    def get_config(self):
        return {"kind": self.kind, "name": self.name}


def over_all_replicas(rows):
    """Sums up the replicas' rows; Keras then sums up their gradients.

    Args:
        rows: A scalar tensor, this replica's.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return rows
    return context.all_reduce(tf.distribute.ReduceOp.SUM, rows)
