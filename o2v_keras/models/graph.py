"""The parts of Object2Vec's graph, as a configuration asks for them."""

import contextlib
import random
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.encoder_config import UNLIMITED
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


def make_token_embeddings(
    config: Object2VecConfig,
) -> tuple[TokenEmbedding, TokenEmbedding]:
    """Returns the token tables of both sides: one and the same if tied.

    Raises:
        ValueError: If the size of a vocabulary is still to be learned.
    """
    if UNLIMITED in (config.enc0_vocab_size, config.enc1_vocab_size):
        raise ValueError(
            "`config` must have the size of a learned vocabulary of "
            "categories: `learn_tokenizers(data, config).configure(config)` "
            "sets it, and so does `train`. Received: `vocab_size` unset"
        )
    tied = config.tied_token_embedding_weight
    tables = [
        TokenEmbedding(
            encoder.vocab_size,
            encoder.token_embedding_dim,
            gated=encoder.freeze_epochs > 0,
            trainable=not encoder.freezes_table,
            name="token_embedding" if tied else f"token_embedding{number}",
        )
        for number, encoder in enumerate(config.token_tables.values())
    ]
    return (tables[0], tables[-1])


def make_comparison(config: Object2VecConfig) -> Callable:
    """Returns comparator, MLP and head as a function of two encodings.

    It takes a list of two tensors `(batch, enc_dim)`.
    """
    # Scores stay float32 under mixed precision: they are what is compared
    # with labels and what leaves the exported model.
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
    """Returns the layer whose output the in-batch loss takes, or `None`."""
    if config.output_layer != "in_batch_softmax":
        return None
    layer = PairVectors(
        config.similarity,
        config.temperature,
        config.learn_temperature,
        dtype="float32",
        name="pair_vectors",
    )
    layer.build([(None, config.enc_dim)] * 2)
    return layer


def make_loss(
    config: Object2VecConfig,
) -> tuple[keras.Loss, list[keras.Metric]]:
    """Returns the loss of the head, and the metrics beside it."""
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
    tables: Sequence[TokenEmbedding],
) -> None:
    """Gives matrices the L2 penalty of `weight_decay`, and biases none.

    Row-sparse tables get none either: it would read whole tables, and their
    optimizer decays the rows that a batch touches.
    """
    if not config.weight_decay:
        return
    # The gradient of an L2 penalty is twice its factor times the weight.
    penalty = keras.regularizers.L2(config.weight_decay / 2)
    row_sparse = config.token_embedding_storage_type == "row_sparse"
    left_out = {id(table.embeddings) for table in tables if row_sparse}
    for weight in weights:
        if id(weight) not in left_out and len(weight.shape) > 1:
            weight.regularizer = penalty


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Makes the seeds that Keras draws follow from `seed`.

    An initializer or a dropout layer without a seed of its own draws one
    from Python's generator, whose state is put back afterwards.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Gives the layers made within a dtype policy."""
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
