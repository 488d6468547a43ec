"""Head of scored pairs, ranked by cosine."""

import dataclasses

import keras

from o2v_keras.heads.head import Head
from o2v_keras.layers.comparator import Comparator
from o2v_keras.losses import CoSENTLoss
from o2v_keras.losses import LossMetric


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class CoSENT(Head):
    """The cosine of two encodings, which ranks pairs as their labels do.

    It has neither comparator nor MLP. Only the order of labels counts, so
    labels may have any range.

    Args:
        similarity_scale: float. Differences of cosines are multiplied by it
            in the loss. Defaults to `20.0`.

    Example:
    >>> CoSENT().hyperparameters
    {'output_layer': 'cosent', 'similarity_scale': 20.0}
    """

    similarity_scale: float = 20.0

    output_layer = "cosent"

    def outputs(self, pair, config):
        return self.scores(config)(pair)

    def scores(self, config):
        return Comparator(["cosine"], dtype="float32", name="comparator")

    def loss(self):
        return CoSENTLoss(self.similarity_scale)

    def metrics(self):
        return [LossMetric(self.loss())]
