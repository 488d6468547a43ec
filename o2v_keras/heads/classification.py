"""Head of class probabilities."""

import dataclasses

import keras
import numpy as np

from o2v_keras.heads.head import Head
from o2v_keras.heads.head import checked_rows
from o2v_keras.heads.similarity import dense_scores
from o2v_keras.losses import GlobalBatchLoss

# Assumed share of a class that is missing in the training data.
_LEAST_SHARE = 1e-4


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class Classification(Head):
    """Class probabilities, trained by cross-entropy.

    Args:
        num_classes: int, at least 2. Labels are below it. Defaults to `2`.

    Example:
    >>> Classification(num_classes=3).hyperparameters
    {'output_layer': 'softmax', 'num_classes': 3}
    """

    num_classes: int = 2

    output_layer = "softmax"

    def scores(self, config):
        return dense_scores(config, self.num_classes, activation="softmax")

    def loss(self):
        return GlobalBatchLoss("cross_entropy")

    def metrics(self):
        return [
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy"),
        ]

    def first_bias(self, labels, weights=None, negatives=0):
        """Returns the logarithms of the shares of classes, with mean 0.

        Example:
        >>> Classification().first_bias([0, 0, 0, 1]).round(3)
        array([ 0.549, -0.549], dtype=float32)
        """
        labels, weights = checked_rows(labels, weights, self.num_classes)
        labels = labels.astype(np.int64)
        shares = np.bincount(labels, weights, minlength=self.num_classes)
        shares[0] += negatives * shares.sum()
        logits = np.log(np.maximum(shares / shares.sum(), _LEAST_SHARE))
        return (logits - logits.mean()).astype(np.float32)
