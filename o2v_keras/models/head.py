"""The last layer of Object2Vec, and what its weights say."""

import keras
import numpy as np
from keras import ops

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.comparator import similarity_places

# Initial and least weight of a similarity.
_FIRST_WEIGHT = 1.0
_LEAST_WEIGHT = 1e-3
# Assumed share of a class that is missing in the training data.
_LEAST_SHARE = 1e-4

# Describes a model whose `similarity_sign` is -1.
UPSIDE_DOWN = (
    "scores pairs lower whose embeddings are more alike: its head gives their "
    "similarity a negative weight, so the nearest embeddings are the worst "
    "partners"
)


def make_head(config: Object2VecConfig) -> keras.layers.Dense:
    """Returns the layer `scores`, for all heads but `in_batch_softmax`.

    Without an MLP, the weights of `dot` and `cosine` start at 1 and stay
    positive (for two classes: the weight for class 1 minus that for class 0).
    Negative weights would classify equally well, but then the nearest
    embeddings would be the worst partners.
    """
    settings = {}
    units, activation = 1, None
    if config.output_layer == "softmax":
        units, activation = config.num_classes, "softmax"
    if config.output_layer == "bpr":
        # A bias cancels in the difference of two scores.
        settings["use_bias"] = False
    places = []
    if not config.mlp_layers and units <= 2:
        places = similarity_places(config.comparator_list, config.enc_dim)
    if config.output_layer == "bpr" and config.comparator_list == ("dot",):
        if not config.mlp_layers:
            # The score is the dot product: a trained factor would counteract
            # `token_embedding_l2`.
            settings |= {"kernel_initializer": "ones", "trainable": False}
    elif places:
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
    if config.output_layer == "in_batch_softmax":
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


def first_bias(
    config: Object2VecConfig,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the bias with which the head predicts the average label.

    Args:
        config: Its head and its number of negatives, labelled 0, for each
            row are used.
        labels: `(rows,)` classes or values.
        weights: `(rows,)`. Defaults to `None`: ones.

    Returns:
        float32: `(num_classes,)` logarithms of the shares of classes, with
        mean 0; or `(1,)`, the mean of values.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> first_bias(config, [0, 0, 0, 1]).round(3)
    array([ 0.549, -0.549], dtype=float32)
    """
    labels = np.asarray(labels, np.float64)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights)
    negatives = config.negative_sampling_rate
    if config.output_layer != "softmax":
        mean = np.average(labels, weights=weights) / (1 + negatives)
        return np.array([mean], np.float32)
    shares = np.bincount(
        labels.astype(np.int64), weights, minlength=config.num_classes
    )
    shares[0] += negatives * shares.sum()
    logits = np.log(np.maximum(shares / shares.sum(), _LEAST_SHARE))
    return (logits - logits.mean()).astype(np.float32)
