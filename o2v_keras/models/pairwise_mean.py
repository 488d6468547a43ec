"""Metrics of pairs of a positive and one of its negatives."""

import keras
from keras import ops

from o2v_keras.models.pairwise import margins
from o2v_keras.models.pairwise import pair_weights


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

    def __init__(self, kind, negatives, **kwargs):
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
