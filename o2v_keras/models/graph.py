"""Builds parts of Object2Vec's graph from a configuration."""

import contextlib
import random
from collections.abc import Iterator
from collections.abc import Sequence

import keras

from o2v_keras import heads
from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.user_warning import warn_user

_HEADS = {
    head.output_layer: head
    for head in (
        heads.BPR,
        heads.Classification,
        heads.CoSENT,
        heads.Embedding,
        heads.InBatchSoftmax,
        heads.Regression,
    )
}


class _WeightDecay(keras.regularizers.L2):
    """The penalty of `weight_decay`, told from those of users."""


def make_head(config: Object2VecConfig) -> heads.Head:
    """Returns the head that a configuration names.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> make_head(config)
    Classification(num_classes=2)
    """
    return _HEADS[config.output_layer].of(config)


def add_weight_decay(
    config: Object2VecConfig,
    weights: Sequence[keras.Variable],
    tables: Sequence[TokenEmbedding | None],
) -> None:
    """Sets the L2 penalty of `weight_decay` on matrices.

    Biases have none, as in MXNet. Row-sparse tables have none either: it
    would read whole tables. Their optimizer decays the rows of a batch.

    Args:
        config: `Object2VecConfig`.
        weights: The trainable weights.
        tables: Token tables, those of token weights included.
    """
    for weight in weights:
        if isinstance(weight.regularizer, _WeightDecay) or (
            config.weight_decay and weight.regularizer is not None
        ):
            raise ValueError(
                "`weight_decay` must be 0 for weights with a regularizer of "
                f"their own, and `{weight.path}` has one"
                f" ({type(weight.regularizer).__name__}), perhaps from "
                "another model of this encoder with `weight_decay`. Make a "
                "new encoder, or leave the regularizer out. Received: "
                f"weight_decay={config.weight_decay}"
            )
    if not config.weight_decay:
        return
    # The gradient of `factor * weight ** 2` is `2 * factor * weight`.
    penalty = _WeightDecay(config.weight_decay / 2)
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
