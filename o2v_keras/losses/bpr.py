"""Loss and metrics of pairs of a positive and one of its negatives.

Every `1 + negatives` consecutive rows of a batch are a group: a positive and
its negatives.
"""

from typing import Any

import keras
from keras import ops

from o2v_keras.losses.replicas import global_mean


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

    def __init__(self, negatives, **kwargs: Any):
        super().__init__(**{"name": "bpr", **kwargs})
        self.negatives = negatives

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)  # (pairs,)
        weights = ops.ones_like(losses)
        if sample_weight is not None:
            weights = pair_weights(sample_weight, self.negatives)
            weights = ops.cast(weights, losses.dtype)
        return global_mean(losses, weights)

    def call(self, y_true, y_pred):
        return ops.softplus(-margins(y_pred, self.negatives))

    def get_config(self):
        return {"negatives": self.negatives, "name": self.name}


@keras.saving.register_keras_serializable(package="o2v_keras")
class PairwiseMean(keras.metrics.Mean):
    """Weighted mean over all pairs of a positive and one of its negatives.

    Args:
        kind: str. `"bpr"` (the loss) or `"pairwise_accuracy"` (the share of
            pairs whose positive has the higher score; ties count half).
        negatives: int. Negatives of each positive.
        **kwargs: Base arguments; `name` defaults to `kind`.

    Raises:
        ValueError: If `kind` is unknown.

    Example:
    >>> metric = PairwiseMean("pairwise_accuracy", negatives=2)
    >>> metric.update_state(np.array([1, 0, 0]), np.array([[2.], [1.], [2.]]))
    >>> float(metric.result())
    0.75
    """

    def __init__(self, kind, negatives, **kwargs: Any):
        if kind not in ("bpr", "pairwise_accuracy"):
            raise ValueError(
                '`kind` must be "bpr" or "pairwise_accuracy". '
                f"Received: kind={kind!r}"
            )
        super().__init__(**{"name": kind, **kwargs})
        self.kind = kind
        self.negatives = negatives

    def update_state(self, y_true, y_pred, sample_weight=None):
        above = margins(y_pred, self.negatives)
        if sample_weight is not None:
            sample_weight = pair_weights(sample_weight, self.negatives)
        if self.kind == "bpr":
            values = ops.softplus(-above)
        else:
            values = (ops.sign(above) + 1) / 2
        super().update_state(values, sample_weight)

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "negatives": self.negatives,
        }


def margins(y_pred, negatives):
    """Returns the scores of positives minus those of their negatives.

    Args:
        y_pred: Float `(groups * (1 + negatives), 1)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> margins(np.array([[3.0], [1.0], [0.0], [1.0]]), 1).numpy().tolist()
    [2.0, -1.0]
    """
    scores = ops.reshape(y_pred, [-1, 1 + negatives])  # (groups, 1 + N)
    return ops.reshape(scores[:, :1] - scores[:, 1:], [-1])


def pair_weights(sample_weight, negatives):
    """Returns the weight of each pair, which is its negative's.

    Args:
        sample_weight: Float `(groups * (1 + negatives),)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> pair_weights(np.array([1.0, 0.5, 1.0, 0.0]), 1).numpy().tolist()
    [0.5, 0.0]
    """
    weights = ops.reshape(sample_weight, [-1, 1 + negatives])  # (groups, 1 + N)
    return ops.reshape(weights[:, 1:], [-1])
