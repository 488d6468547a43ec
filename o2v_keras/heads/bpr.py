"""Head of Bayesian personalized ranking."""

import dataclasses
from typing import Any

import keras

from o2v_keras.heads.head import Head
from o2v_keras.heads.similarity import dense_scores
from o2v_keras.losses import BPRLoss
from o2v_keras.losses import PairwiseMean


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class BPR(Head):
    """A score that ranks each positive above its own negatives.

    It has no bias, which cancels in the difference of two scores. With `dot`
    alone and no MLP the score is the dot product.

    Args:
        negative_sampling_rate: int, at least 1. Negatives of each positive.
            Defaults to `1`.

    Example:
    >>> BPR(negative_sampling_rate=4).hyperparameters
    {'output_layer': 'bpr', 'negative_sampling_rate': 4}
    """

    negative_sampling_rate: int = 1

    output_layer = "bpr"

    def scores(self, config):
        settings: dict[str, Any] = {"use_bias": False}
        if config.comparator_list == ("dot",) and not config.mlp_layers:
            # A trained factor would counteract `token_embedding_l2`.
            settings |= {"kernel_initializer": "ones", "trainable": False}
        return dense_scores(config, 1, **settings)

    def loss(self):
        return BPRLoss(self.negative_sampling_rate)

    def metrics(self):
        negatives = self.negative_sampling_rate
        return [
            PairwiseMean("pairwise_accuracy", negatives),
            PairwiseMean("bpr", negatives),
        ]
