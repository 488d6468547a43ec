"""Head of retrieval by similarity."""

import dataclasses

import keras

from o2v_keras.heads.head import Head
from o2v_keras.layers.comparator import Comparator
from o2v_keras.layers.pair_vectors import PairVectors
from o2v_keras.losses import InBatchSoftmaxLoss
from o2v_keras.losses import LossMetric


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class InBatchSoftmax(Head):
    """The similarity of two encodings, without comparator and MLP.

    The model returns `scores` and, for the loss, `encodings`,
    `(batch, 2, enc_dim)`, which `PairVectors` scales.

    Args:
        similarity: str. `"cosine"` or `"dot"`. Defaults to `"cosine"`.
        temperature: float. Similarities are divided by it in the loss.
            Defaults to `0.05`.
        learn_temperature: bool. Whether the temperature is trained. Defaults
            to `False`.
        negative_sampling_side: str. The side whose objects are negatives:
            `"in1"`, `"in0"` or `"both"`. Defaults to `"in1"`.
        sampling_bias_correction: bool. Whether logits are corrected for the
            frequency of objects. Defaults to `True`.
        hard_negatives: int. Number of negatives used, those with the highest
            logits; 0 uses all. Defaults to `0`.
        same_side_negatives: bool. Whether the other objects of the query's
            own side are negatives, too. Defaults to `False`.
        hardness_strength: float. Negatives are weighted by
            `exp(hardness_strength * cosine)`. Defaults to `0.0`: all alike.

    Example:
    >>> InBatchSoftmax(temperature=0.1).hyperparameters["temperature"]
    0.1
    """

    similarity: str = "cosine"
    temperature: float = 0.05
    learn_temperature: bool = False
    negative_sampling_side: str = "in1"
    sampling_bias_correction: bool = True
    hard_negatives: int = 0
    same_side_negatives: bool = False
    hardness_strength: float = 0.0

    output_layer = "in_batch_softmax"

    def outputs(self, pair, config):
        scale = PairVectors(
            self.similarity,
            self.temperature,
            self.learn_temperature,
            self.same_side_negatives or bool(config.matryoshka_dims),
            dtype="float32",
            name="pair_vectors",
        )
        return {"scores": self.scores(config)(pair), "encodings": scale(pair)}

    def scores(self, config):
        return Comparator([self.similarity], dtype="float32", name="comparator")

    def loss(self):
        return InBatchSoftmaxLoss(
            self.negative_sampling_side,
            self.sampling_bias_correction,
            self.hard_negatives,
            self.same_side_negatives,
            self.hardness_strength,
        )

    def metrics(self):
        return [LossMetric(self.loss())]
