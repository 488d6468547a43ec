"""Head of a real score."""

import dataclasses

import keras
import numpy as np

from o2v_keras.heads.head import Head
from o2v_keras.heads.head import checked_rows
from o2v_keras.heads.similarity import dense_scores
from o2v_keras.losses import GlobalBatchLoss


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class Regression(Head):
    """A real score, trained by mean squared error.

    Example:
    >>> Regression().hyperparameters
    {'output_layer': 'mean_squared_error'}
    """

    output_layer = "mean_squared_error"

    def scores(self, config):
        return dense_scores(config, 1)

    def loss(self):
        return GlobalBatchLoss("mean_squared_error")

    def metrics(self):
        return [
            keras.metrics.MeanSquaredError(name="mean_squared_error"),
            keras.metrics.RootMeanSquaredError(),
            keras.metrics.MeanAbsoluteError(),
        ]

    def first_bias(self, labels, weights=None, negatives=0):
        """Returns the mean label.

        Example:
        >>> Regression().first_bias([3.0, 4.0])
        array([3.5], dtype=float32)
        """
        labels, weights = checked_rows(labels, weights, None)
        mean = np.average(labels, weights=weights) / (1 + negatives)
        return np.array([mean], np.float32)
