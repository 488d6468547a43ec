"""Loss of learning given vectors."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.losses.loss_metric import row_weights
from o2v_keras.losses.replicas import global_mean
from o2v_keras.losses.replicas import rows_of_replicas


@keras.saving.register_keras_serializable(package="o2v_keras")
class EmbeddingLoss(keras.losses.Loss):
    """Distance of vectors from their targets, alone and among each other.

    The loss of row `i` is `distance(y_i, t_i) + similarity_weight * mean_j(
    (cos(y_i, y_j) - cos(t_i, t_j))**2)` over the rows `j` of the global
    batch. The loss of a batch is the mean over its rows. All means are
    weighted and run over all replicas, so fill rows, of weight 0, change
    none. A vector of zeros has cosine 0 with all.

    Args:
        kind: str. The distance: `"cosine"` (1 minus the cosine) or
            `"mean_squared_error"` (the mean over the numbers of a vector).
            Defaults to `"cosine"`.
        similarity_weight: float, at least 0. Defaults to `1.0`.
        **kwargs: Base arguments; `name` defaults to `"embedding"`.

    Call arguments:
        y_true: Float `(batch, dim)`. The targets.
        y_pred: float32 `(batch, dim)`.
        sample_weight: Optional `(batch,)`. Defaults to ones.

    Raises:
        ValueError: If `kind` is unknown, or targets have another shape.

    Example:
    >>> loss = EmbeddingLoss(similarity_weight=0.0)
    >>> y_true = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> y_pred = np.array([[2.0, 0.0], [1.0, 0.0]], "float32")
    >>> float(loss(y_true, y_pred))
    0.5

    Reference:
    - [Park et al., 2019](https://arxiv.org/abs/1904.05068): relations
      between the examples of a batch as a second target.
    - [Tung and Mori, 2019](https://arxiv.org/abs/1907.09682): the mean
      squared difference of the similarity matrices of a batch.
    """

    def __init__(self, kind="cosine", similarity_weight=1.0, **kwargs: Any):
        if kind not in ("cosine", "mean_squared_error"):
            raise ValueError(
                '`kind` must be "cosine" or "mean_squared_error". '
                f"Received: kind={kind!r}"
            )
        super().__init__(**{"name": "embedding", **kwargs})
        self.kind = kind
        self.similarity_weight = similarity_weight

    def __call__(self, y_true, y_pred, sample_weight=None):
        return global_mean(*self.values(y_true, y_pred, sample_weight))

    def values(self, y_true, y_pred, sample_weight=None):
        """Returns losses and weights of this replica's rows, `(batch,)`."""
        y_pred = tf.convert_to_tensor(y_pred)
        if len(y_true.shape) != 2 or y_true.shape[1] != y_pred.shape[1]:
            raise ValueError(
                "`y_true` must be the vectors to learn, of the shape of "
                f"`y_pred`, {tuple(y_pred.shape)}; `load_dataset` takes them "
                "from `target_embedding_file`. Received: y_true of shape "
                f"{tuple(y_true.shape)}"
            )
        y_true = tf.cast(y_true, y_pred.dtype)
        units, targets = (_unit(rows) for rows in (y_pred, y_true))
        if self.kind == "cosine":
            losses = 1 - tf.reduce_sum(units * targets, axis=1)
        else:
            losses = tf.reduce_mean(tf.square(y_pred - y_true), axis=1)
        weights = row_weights(losses, sample_weight)
        if not self.similarity_weight:
            return losses, weights
        # (rows, batch)
        gaps = tf.square(
            tf.matmul(units, rows_of_replicas(units), transpose_b=True)
            - tf.matmul(targets, rows_of_replicas(targets), transpose_b=True)
        )
        others = rows_of_replicas(weights)
        means = tf.math.divide_no_nan(
            tf.linalg.matvec(gaps, others), tf.reduce_sum(others)
        )
        return losses + self.similarity_weight * means, weights

    def get_config(self):
        return {
            "kind": self.kind,
            "similarity_weight": self.similarity_weight,
            "name": self.name,
        }


def _unit(rows):
    """Scales rows to length 1; zeros stay zeros, with a gradient of 0."""
    squares = tf.reduce_sum(tf.square(rows), axis=1, keepdims=True)
    return rows * tf.math.rsqrt(tf.maximum(squares, 1e-24))
