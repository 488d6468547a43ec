"""CoSENT loss."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.losses.loss_metric import row_weights
from o2v_keras.losses.replicas import rows_of_replicas
from o2v_keras.losses.replicas import sum_over_replicas

# The exponent of a pair that does not count. Finite: infinity would give NaN
# gradients.
_LOWEST = -1e30


@keras.saving.register_keras_serializable(package="o2v_keras")
class CoSENTLoss(keras.losses.Loss):
    """Ranks the pairs of a batch by their scores as their labels do.

    `log(1 + sum_ij(w_i * w_j * exp(scale * (score_j - score_i))))` over all
    ordered pairs of rows with `label_i > label_j` of the global batch. Rows
    with equal labels make no pair, fill rows have weight 0, and a batch
    without an ordered pair has loss 0. It is one logarithm for the batch: it
    grows with the number of rows, and is comparable between batches of one
    size alone.

    The scores of all replicas are gathered, each replica sums its own rows
    `i` against all `j`, and the sums are added before the logarithm; each
    replica returns its share of the loss.

    Args:
        scale: float. Differences of scores are multiplied by it. Defaults to
            `20.0`.
        **kwargs: Base arguments; `name` defaults to `"cosent"`.

    Call arguments:
        y_true: `(batch,)`. Labels, of which only the order counts.
        y_pred: float32 `(batch, 1)`. Scores, such as cosines.
        sample_weight: Optional `(batch,)`. Defaults to ones.

    Example:
    >>> loss = CoSENTLoss(scale=1.0)
    >>> labels, scores = np.array([1.0, 0.0]), np.array([[0.5], [0.5]])
    >>> round(float(loss(labels, scores.astype("float32"))), 4)
    0.6931

    Reference:
    - Su 2022, "CoSENT: a more effective sentence vector scheme than
      Sentence-BERT", kexue.fm/archives/8847.
    - sentence-transformers' `CoSENTLoss`, whose scale is 20, too.
    """

    def __init__(self, scale=20.0, **kwargs: Any):
        super().__init__(**{"name": "cosent", **kwargs})
        self.scale = scale

    def __call__(self, y_true, y_pred, sample_weight=None):
        loss, _ = self.values(y_true, y_pred, sample_weight)
        return loss / sum_over_replicas(tf.ones([], loss.dtype))

    def values(self, y_true, y_pred, sample_weight=None):
        """Returns the loss of the global batch, and whether it counts.

        Both are scalars, equal on all replicas. A batch of fill rows, of
        weight 0, does not count.
        """
        scores = tf.reshape(y_pred, [-1])
        labels = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        weights = row_weights(scores, sample_weight)
        all_scores, all_labels, all_weights = (
            rows_of_replicas(rows) for rows in (scores, labels, weights)
        )
        # (rows, batch)
        pairs = labels[:, None] > all_labels
        products = weights[:, None] * all_weights
        pairs = pairs & (products > 0)
        exponents = self.scale * (all_scores - scores[:, None])
        exponents += tf.math.log(tf.where(pairs, products, 1))
        exponents = tf.where(pairs, exponents, _LOWEST)
        # Exponentials of large differences overflow, their logarithms do not.
        own = tf.reduce_logsumexp(exponents)
        sums = rows_of_replicas(own[None])
        loss = tf.reduce_logsumexp(tf.concat([[0.0], sums], axis=0))
        return loss, tf.cast(tf.reduce_sum(all_weights) > 0, loss.dtype)

    def get_config(self):
        return {"scale": self.scale, "name": self.name}
