"""What two encoders share: nothing, a token table, or all.

Keras loses the sharing of layers within layers when it saves a model, so the
model writes it into its configuration.
"""

import copy
from collections.abc import Mapping
from typing import Any

import keras

from o2v_keras.layers.token_embedding import TokenEmbedding

# Stands in a configuration for what the second encoder has of the first.
_SHARED = "encoder0"


def table_of(encoder: keras.layers.Layer) -> TokenEmbedding | None:
    """Returns the token table of an encoder, `None` if it has none of ours."""
    table = getattr(encoder, "token_embedding", None)
    return table if isinstance(table, TokenEmbedding) else None


def shared_table(
    encoder0: keras.layers.Layer, encoder1: keras.layers.Layer
) -> TokenEmbedding | None:
    """Returns the token table of two encoders, `None` if each has its own."""
    table = table_of(encoder0)
    return table if table is table_of(encoder1) else None


def refuse_other_sharing(
    encoder0: keras.layers.Layer, encoder1: keras.layers.Layer
) -> None:
    """Raises `ValueError` if two built encoders share what cannot be saved."""
    if encoder0 is encoder1:
        return
    table = shared_table(encoder0, encoder1)
    allowed = set()
    if table is not None:
        allowed = {id(table), *map(id, table.variables)}
    # Keras has no public walk over the layers within layers.
    held = {id(part) for part in _parts(encoder0)} - allowed
    for part in _parts(encoder1):
        if id(part) in held:
            raise ValueError(
                "`encoder0` and `encoder1` must be one encoder, or share "
                "nothing but the token table of two encoders of ours "
                "(`token_embedding=`): Keras loses other sharing when it "
                f"saves a model. Received: both hold `{part.name}`"
            )


def _parts(encoder):
    return [*encoder._flatten_layers(), *encoder.variables]


def serialized_encoders(
    encoder0: keras.layers.Layer, encoder1: keras.layers.Layer
) -> dict[str, Any]:
    """Returns two encoders as JSON values; `revived_encoders` makes them.

    Example:
    >>> from o2v_keras.encoders import HCNN
    >>> encoder = HCNN(vocab_size=9, max_seq_len=4, output_dim=8)
    >>> serialized_encoders(encoder, encoder)["encoder1"]
    'encoder0'
    """
    saved = {"encoder0": keras.saving.serialize_keras_object(encoder0)}
    if encoder1 is encoder0:
        return {**saved, "encoder1": _SHARED}
    saved["encoder1"] = keras.saving.serialize_keras_object(encoder1)
    if shared_table(encoder0, encoder1) is not None:
        saved["encoder1"]["config"]["token_embedding"] = _SHARED
    return saved


def revived_encoders(
    config: Mapping[str, Any],
) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """Returns the encoders of `serialized_encoders`."""
    first = keras.saving.deserialize_keras_object(config["encoder0"])
    second = config["encoder1"]
    if second == _SHARED:
        return first, first
    second = copy.deepcopy(second)
    if second["config"].get("token_embedding") == _SHARED:
        second["config"]["token_embedding"] = first.token_embedding
    return first, keras.saving.deserialize_keras_object(second)
