"""Loss of a global batch, independent of the number of replicas."""

from typing import Any

import keras
from keras import ops

from o2v_keras.losses.replicas import global_mean


@keras.saving.register_keras_serializable(package="o2v_keras")
class GlobalBatchLoss(keras.losses.Loss):
    """Mean loss over the real rows of the global batch.

    `sum_i(w_i * loss_i) / sum_i(w_i)`, both sums over all replicas; each
    replica returns its part. Fill rows have weight 0 and change neither sum.
    Keras averages each replica's rows and then the replicas, which gives
    another value and gradient if the replicas hold different numbers of rows.

    Args:
        kind: `"cross_entropy"` (integer labels, probabilities),
            `"mean_squared_error"`, or a Keras loss with a value for each row,
            such as `keras.losses.Huber()`, whose reduction is left out.
        **kwargs: Base arguments; `name` defaults to `kind` or its name.

    Call arguments:
        y_true: `(batch,)`. Classes or values; a Keras loss gets it as it is.
        y_pred: `(batch, num_classes)` probabilities or `(batch, 1)`.
        sample_weight: Optional `(batch,)`. Defaults to ones.

    Raises:
        ValueError: If `kind` is unknown; in a call, if a Keras loss gives no
            value for each row.

    Example:
    >>> loss = GlobalBatchLoss("mean_squared_error")
    >>> y_true, y_pred = np.array([1.0, 0.0]), np.array([[3.0], [9.0]])
    >>> float(loss(y_true, y_pred, sample_weight=np.array([1.0, 0.0])))
    4.0
    """

    def __init__(self, kind, **kwargs: Any):
        name = kind
        if isinstance(kind, keras.losses.Loss):
            name = kind.name
        elif kind not in ("cross_entropy", "mean_squared_error"):
            raise ValueError(
                '`kind` must be "cross_entropy", "mean_squared_error" or a '
                f"Keras loss. Received: kind={kind!r}"
            )
        super().__init__(**{"name": name, **kwargs})
        self.kind = kind

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)  # (batch,)
        if sample_weight is None:
            weights = ops.ones_like(losses)
        else:
            weights = ops.reshape(ops.cast(sample_weight, losses.dtype), [-1])
        return global_mean(losses, weights)

    def call(self, y_true, y_pred):
        kind: Any = self.kind
        if isinstance(kind, keras.losses.Loss):
            losses = kind.call(y_true, y_pred)
            if len(losses.shape) != 1:
                raise ValueError(
                    "A Keras loss in `GlobalBatchLoss` must give a value for "
                    f"each row, (batch,). Received: {kind.name} with "
                    f"values of shape {tuple(losses.shape)}"
                )
            return losses
        y_true = ops.reshape(y_true, [-1])
        if self.kind == "cross_entropy":
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        y_pred = ops.reshape(y_pred, [-1])
        return ops.square(y_pred - ops.cast(y_true, y_pred.dtype))

    def get_config(self):
        kind = self.kind
        if isinstance(kind, keras.losses.Loss):
            kind = keras.losses.serialize(kind)
        return {"kind": kind, "name": self.name}

    @classmethod
    def from_config(cls, config):
        kind = config["kind"]
        if isinstance(kind, dict):
            kind = keras.losses.deserialize(kind)
        return cls(**{**config, "kind": kind})
