"""Head of given vectors."""

import dataclasses

import keras

from o2v_keras.heads.head import Head
from o2v_keras.losses import EmbeddingLoss
from o2v_keras.losses import LossMetric


@keras.saving.register_keras_serializable(package="o2v_keras")
@dataclasses.dataclass(frozen=True)
class Embedding(Head):
    """A vector of one side, which learns the vector that the label names.

    The targets come from `target_embedding_file`, such as the embeddings of a
    large model (distillation) or those that ids have learned (cold start).
    The model has one encoder and reads one side. Where `enc_dim` is not the
    width of the targets, a dense layer `target_projection` gives vectors of
    their width; embeddings are the encodings before it. A model with this
    head scores no pairs.

    Args:
        embedding_side: str. The side of the data, `"in0"` or `"in1"`.
            Defaults to `"in0"`.
        embedding_loss: str. `"cosine"` or `"mean_squared_error"`. Defaults to
            `"cosine"`.
        similarity_distillation_weight: float. Weight of the similarities
            between the targets of a batch in the loss. Defaults to `1.0`.

    Example:
    >>> Embedding(embedding_loss="mean_squared_error").hyperparameters
    {'output_layer': 'embedding', 'embedding_side': 'in0', \
'embedding_loss': 'mean_squared_error', 'similarity_distillation_weight': 1.0}
    """

    embedding_side: str = "in0"
    embedding_loss: str = "cosine"
    similarity_distillation_weight: float = 1.0

    output_layer = "embedding"

    def outputs(self, pair, config):
        (encoding,) = pair
        return self.scores(config)(encoding)

    def scores(self, config):
        """Returns the layer from an encoding to the vector that learns."""
        if config.target_embedding_dim == config.enc_dim:
            return keras.layers.Identity(
                dtype="float32", name="target_projection"
            )
        return keras.layers.Dense(
            config.target_embedding_dim,
            dtype="float32",
            name="target_projection",
        )

    def loss(self):
        return EmbeddingLoss(
            self.embedding_loss, self.similarity_distillation_weight
        )

    def metrics(self):
        return [
            keras.metrics.CosineSimilarity(name="cosine_similarity"),
            LossMetric(self.loss()),
        ]
