"""Adds new ids to a trained model and trains only their embeddings."""

import copy
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.layers.table_rows import read_parts
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.object2vec import Object2Vec


def with_larger_tables(
    model: Object2Vec, config: Object2VecConfig
) -> Object2Vec:
    """Returns a copy of a model with larger token tables.

    Embeddings of new ids start as a copy of the unknown id's if the
    configuration names one, otherwise as the mean of the old embeddings; so
    do weights of tokens.

    Args:
        model: The trained model.
        config: Its configuration with vocabularies of at least the same
            size.

    Raises:
        ValueError: If an encoder has no token table.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1, enc0_vocab_size=9, enc_dim=4
    ... )
    >>> model = Object2Vec(config)
    >>> larger = with_larger_tables(model, config.replace(enc0_vocab_size=12))
    >>> larger.token_embeddings[0].embeddings.shape
    TensorShape([12, 300])
    """
    larger = _larger(model, config)
    encoders = (config.encoder0, config.encoder1)
    tables = zip(
        larger.token_embeddings, model.token_embeddings, encoders, strict=True
    )
    for new, old, encoder in tables:
        _copy_rows(new, old, encoder.unknown_id)
        if isinstance(new, GaussianEmbedding):
            _copy_rows(new.log_variances, old.log_variances, encoder.unknown_id)
            new.log_precisions.assign(old.log_precisions)
    scales = zip(
        larger.token_weights, model.token_weights, encoders, strict=True
    )
    for new, old, encoder in scales:
        if new is not None:
            _copy_rows(new, old, encoder.unknown_id)
    weights = zip(_other_weights(larger), _other_weights(model), strict=True)
    for new, old in weights:
        new.assign(keras.ops.convert_to_numpy(old))
    larger.needs_vectors = False
    # Counts are those of the new training data.
    larger.needs_counts = bool(config.token_embedding_kl)
    _build_optimizer(larger)
    return larger


def train_new_ids_only(
    model: Object2Vec, first_ids: Mapping[str, int]
) -> list[keras.Variable]:
    """Freezes all weights but the token embeddings of new ids; compiles.

    Args:
        model: The model.
        first_ids: `in0` or `in1` -> the first id to train. The table of a
            side that is missing is frozen.

    Returns:
        The weights that were trainable, for `train_again`.
    """
    tables: dict[str, Any] = dict(
        zip(("in0", "in1"), model.token_embeddings, strict=True)
    )
    learned = model.trainable_variables
    _set_trainable(learned, False)
    for name, first_id in first_ids.items():
        # Keras runs the layer's setter for another value alone.
        tables[name].trainable = True
        tables[name].embeddings.trainable = True
        if isinstance(tables[name], GaussianEmbedding):
            tables[name].log_variances.embeddings.trainable = True
        tables[name].freeze_rows_below(first_id)
    model.compile()
    return learned


def train_again(model: Object2Vec, learned: list[keras.Variable]) -> None:
    """Undoes `train_new_ids_only` and compiles the model.

    Args:
        model: The model.
        learned: The result of `train_new_ids_only`.
    """
    _set_trainable(model.trainable_variables, False)
    _set_trainable(learned, True)
    for table in model.token_embeddings:
        table.freeze_rows_below(0)
    model.compile()
    _build_optimizer(model)


def _larger(model, config):
    """Returns a new model of the same encoders with larger tables."""
    made = copy.deepcopy(model.get_config())
    made["config"] = config.to_dict()
    # A configuration has them without their vocabularies.
    made.pop("tokenizers", None)
    for number, table in enumerate(model.token_embeddings):
        if table is None:
            raise ValueError(
                f"`encoder{number}` of the model must have a token table of "
                "ours, an attribute `token_embedding`, to learn new ids. "
                "Received: an encoder without one"
            )
        encoder = made.get(f"encoder{number}")
        if isinstance(encoder, dict):
            size = made["config"][f"enc{number}_vocab_size"]
            encoder["config"]["vocab_size"] = size
            table = encoder["config"]["token_embedding"]
            if isinstance(table, dict):
                table["config"]["vocab_size"] = size
    return Object2Vec.from_config(made)


def _set_trainable(weights, trainable):
    for weight in weights:
        weight.trainable = trainable


def _build_optimizer(model):
    # Keras warns when it loads a model whose optimizer has no slots yet.
    model.optimizer.build(model.trainable_variables)


def _other_weights(model):
    in_tables = {
        id(weight)
        for table in (*model.token_embeddings, *model.token_weights)
        if table is not None
        for weight in table.weights
    }
    return [weight for weight in model.weights if id(weight) not in in_tables]


def _copy_rows(new: TokenEmbedding, old: TokenEmbedding, unknown_id: int):
    total = 0.0
    parts = zip(
        row_parts(old.embeddings), read_parts(old.embeddings), strict=True
    )
    for rows, values in parts:
        write_rows(new.embeddings, rows, values)
        # Id 0 is padding, which is not trained.
        total += values[rows.start == 0 :].sum(axis=0, dtype="float64")
    first, last = old.vocab_size, new.vocab_size
    if unknown_id:
        start = tf.gather(old.embeddings.value, unknown_id)
    else:
        start = tf.cast(total / (first - 1), old.embeddings.dtype)
    for rows in row_parts(new.embeddings):
        rows = slice(max(rows.start, first), max(rows.stop, first))
        if rows.start < min(rows.stop, last):
            values = tf.tile(start[tf.newaxis], [rows.stop - rows.start, 1])
            write_rows(new.embeddings, rows, values)
