"""Weights of similarities in the last layer, and their sign."""

from typing import Any

import keras
import numpy as np
from keras import ops

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.comparator import similarity_places

# Initial and least weight of a similarity.
_FIRST_WEIGHT = 1.0
_LEAST_WEIGHT = 1e-3

# Describes a model whose `similarity_sign` is -1.
UPSIDE_DOWN = (
    "scores pairs lower whose embeddings are more alike: its head gives their "
    "similarity a negative weight, so the nearest embeddings are the worst "
    "partners"
)


def dense_scores(
    config: Object2VecConfig,
    units: int,
    activation: str | None = None,
    **settings: Any,
) -> keras.layers.Dense:
    """Returns the dense layer `scores`.

    Without an MLP, the weights of `dot` and `cosine` start at 1 and stay
    positive (for two classes: the weight for class 1 minus that for class 0).
    Negative weights would classify equally well, but then the nearest
    embeddings would be the worst partners.

    Args:
        config: Its comparator and MLP are used.
        units: Number of scores.
        activation: Defaults to `None`.
        **settings: Other arguments of the layer. A given initializer leaves
            the weights of similarities as it makes them.
    """
    if "kernel_initializer" not in settings and units <= 2:
        places = []
        if not config.mlp_layers:
            places = similarity_places(config.comparator_list, config.enc_dim)
        if places:
            glorot = keras.initializers.GlorotUniform()
            first = PositiveSimilarity(places, _FIRST_WEIGHT)
            settings["kernel_initializer"] = lambda shape, dtype=None: first(
                glorot(shape, dtype)
            )
            settings["kernel_constraint"] = PositiveSimilarity(places)
    return keras.layers.Dense(
        units, activation=activation, dtype="float32", name="scores", **settings
    )


@keras.saving.register_keras_serializable(package="o2v_keras")
class PositiveSimilarity(keras.constraints.Constraint):
    """Keeps a head's weights of similarities at or above a minimum.

    Args:
        places: Rows of the kernel that hold weights of similarities.
        least: float. Minimum of the weight, or for two outputs of the
            second's weight minus the first's. Defaults to 0.001.

    Example:
    >>> PositiveSimilarity([1], least=2.0)(np.array([[-3.0], [-3.0]])).numpy()
    array([[-3.],
           [ 2.]])
    """

    def __init__(self, places, least=_LEAST_WEIGHT):
        self.places = list(places)
        self.least = least

    def __call__(self, kernel):
        kernel = ops.convert_to_tensor(kernel)
        rows, units = kernel.shape
        marked = np.zeros(rows, bool)
        marked[self.places] = True
        weights = kernel[:, -1] - (kernel[:, 0] if units == 2 else 0)
        missing = ops.where(marked, ops.maximum(self.least - weights, 0), 0)
        # Each class gets half of the change, so their sum is unchanged.
        parts = ops.array([[-0.5, 0.5]] if units == 2 else [[1.0]])
        return kernel + missing[:, None] * ops.cast(parts, kernel.dtype)

    def get_config(self):
        return {"places": self.places, "least": self.least}


def similarity_sign(model: keras.Model) -> int:
    """Returns the sign of the effect of similarity on the head's score.

    It can be -1 if an MLP follows the similarity, and for models of older
    versions, whose weight was not constrained.

    Args:
        model: `Object2Vec`.

    Returns:
        1 or -1; 0 if the comparator has neither `dot` nor `cosine`, there
        are more than two classes, or the sign depends on the pair.
    """
    config = model.config
    if config.output_layer in ("in_batch_softmax", "cosent", "embedding"):
        return 1
    names = config.comparator_list
    places = similarity_places(names, config.enc_dim)
    linear = not config.mlp_layers or config.mlp_activation == "linear"
    if not places or not (linear or len(places) == len(names)):
        return 0
    if config.output_layer == "softmax" and config.num_classes > 2:
        return 0
    head, mlp = model.get_layer("scores"), model.get_layer("mlp")
    signs = set()
    for place in places:
        pair = np.zeros((2, model.get_layer("comparator").output.shape[-1]))
        pair[:, place] = -1, 1
        hidden = ops.cast(
            mlp(pair.astype("float32"), training=False), "float32"
        )
        logits = ops.convert_to_numpy(hidden @ head.kernel)
        scores = logits[:, -1] - (logits[:, 0] if logits.shape[1] == 2 else 0)
        signs.add(int(np.sign(scores[1] - scores[0])))
    return signs.pop() if len(signs) == 1 else 0
