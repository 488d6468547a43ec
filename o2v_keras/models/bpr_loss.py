"""Bayesian personalized ranking loss."""

import keras
from keras import ops

from o2v_keras.models.pairwise import margins
from o2v_keras.models.pairwise import pair_weights
from o2v_keras.models.replicas import sum_over_replicas


@keras.saving.register_keras_serializable(package="o2v_keras")
class BPRLoss(keras.losses.Loss):
    """Mean of `-log(sigmoid(positive - negative))` over the global batch.

    Every `1 + negatives` consecutive rows are a positive and its negatives,
    all on one replica. A pair has the weight of its negative: 0 if none was
    found or the row is a fill row. Like `GlobalBatchLoss`, the loss is a
    weighted mean whose two sums run over all replicas.

    Args:
        negatives: int. Negatives of each positive.
        **kwargs: Base arguments; `name` defaults to `"bpr"`.

    Call arguments:
        y_true: Not used: a row's position marks it as positive or negative.
        y_pred: Scores `(groups * (1 + negatives), 1)`.
        sample_weight: Optional `(groups * (1 + negatives),)`. Defaults to
            ones.

    Example:
    >>> loss = BPRLoss(negatives=1)
    >>> round(float(loss(np.array([1, 0]), np.array([[2.0], [2.0]]))), 4)
    0.6931

    Reference:
    - Rendle et al. 2009, "BPR: Bayesian Personalized Ranking from Implicit
      Feedback". Set its regularization by `token_embedding_l2` or
      `weight_decay`.
    """

    def __init__(self, negatives, **kwargs):
        super().__init__(**{"name": "bpr", **kwargs})
        self.negatives = negatives

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)  # (pairs,)
        weights = ops.ones_like(losses)
        if sample_weight is not None:
            weights = pair_weights(sample_weight, self.negatives)
            weights = ops.cast(weights, losses.dtype)
        total = ops.sum(losses * weights)
        return ops.divide_no_nan(total, sum_over_replicas(ops.sum(weights)))

    def call(self, y_true, y_pred):
        return ops.softplus(-margins(y_pred, self.negatives))

    def get_config(self):
        return {"negatives": self.negatives, "name": self.name}
