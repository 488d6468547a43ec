"""Builds the parts of Object2Vec's graph from a configuration."""

import contextlib
import random
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.comparator import Comparator
from o2v_keras.layers.feed_forward import FeedForward
from o2v_keras.layers.pair_vectors import PairVectors
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.bpr_loss import BPRLoss
from o2v_keras.models.global_batch_loss import GlobalBatchLoss
from o2v_keras.models.head import make_head
from o2v_keras.models.in_batch_softmax_loss import InBatchSoftmaxLoss
from o2v_keras.models.in_batch_softmax_metric import InBatchSoftmaxMetric
from o2v_keras.models.pairwise_mean import PairwiseMean
from o2v_keras.user_warning import warn_user


def make_comparison(config: Object2VecConfig) -> Callable:
    """Returns comparator, MLP and head as one function.

    It maps a list of two encodings, each `(batch, enc_dim)`, to the scores,
    `(batch, num_classes)` or `(batch, 1)`.
    """
    # Under mixed precision, scores stay float32 for the loss and for exports.
    if config.output_layer == "in_batch_softmax":
        return Comparator(
            [config.similarity], dtype="float32", name="comparator"
        )
    comparator = Comparator(config.comparator_list, name="comparator")
    mlp = FeedForward(
        config.mlp_dim,
        config.mlp_layers,
        activation=config.mlp_activation,
        dropout=config.dropout,
        name="mlp",
    )
    head = make_head(config)
    return lambda pair: head(mlp(comparator(pair)))


def make_pair_vectors(config: Object2VecConfig) -> PairVectors | None:
    """Returns the layer before `InBatchSoftmaxLoss`, or `None`."""
    if config.output_layer != "in_batch_softmax":
        return None
    return PairVectors(
        config.similarity,
        config.temperature,
        config.learn_temperature,
        dtype="float32",
        name="pair_vectors",
    )


def make_loss(
    config: Object2VecConfig,
) -> tuple[keras.Loss, list[keras.Metric]]:
    """Returns the loss and the metrics of the head."""
    if config.output_layer == "softmax":
        loss = GlobalBatchLoss("cross_entropy")
        metrics = [
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(name=loss.name),
        ]
    elif config.output_layer == "in_batch_softmax":
        loss = InBatchSoftmaxLoss(
            config.negative_sampling_side,
            config.sampling_bias_correction,
            config.hard_negatives,
        )
        metrics = [InBatchSoftmaxMetric(loss)]
    elif config.output_layer == "bpr":
        negatives = config.negative_sampling_rate
        loss = BPRLoss(negatives)
        metrics = [
            PairwiseMean("pairwise_accuracy", negatives),
            PairwiseMean("bpr", negatives, name=loss.name),
        ]
    else:
        loss = GlobalBatchLoss("mean_squared_error")
        metrics = [
            keras.metrics.MeanSquaredError(name=loss.name),
            keras.metrics.RootMeanSquaredError(),
            keras.metrics.MeanAbsoluteError(),
        ]
    return loss, metrics


def add_weight_decay(
    config: Object2VecConfig,
    weights: Sequence[keras.Variable],
    tables: Sequence[TokenEmbedding | None],
) -> None:
    """Sets the L2 penalty of `weight_decay` on matrices.

    Biases have none, as in MXNet. Row-sparse tables have none either: it
    would read whole tables. Their optimizer decays the rows of a batch.
    """
    if not config.weight_decay:
        return
    # The gradient of `factor * weight ** 2` is `2 * factor * weight`.
    penalty = keras.regularizers.L2(config.weight_decay / 2)
    row_sparse = config.token_embedding_storage_type == "row_sparse"
    left_out = {
        id(table.embeddings) for table in tables if row_sparse and table
    }
    for weight in weights:
        if id(weight) not in left_out and len(weight.shape) > 1:
            weight.regularizer = penalty


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Makes the seeds that Keras draws depend on `seed` alone.

    Initializers and dropout layers without a seed draw one from Python's
    generator, whose state is restored at the end.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Sets Keras's global dtype policy for the layers made within."""
    before = keras.config.dtype_policy()
    if before.name not in (name, "float32"):
        warn_user(
            f"The model is made with config.dtype_policy={name!r}; Keras's "
            f"global policy {before.name!r} does not reach it. Set "
            f"dtype_policy in the configuration, which is saved with it.",
        )
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
