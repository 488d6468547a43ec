"""Encoders and their hyperparameters, made from each other."""

import inspect
import json
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from o2v_keras.config import EncoderConfig
from o2v_keras.config import Object2VecConfig
from o2v_keras.config.encoder_config import UNLIMITED
from o2v_keras.encoders import HCNN
from o2v_keras.encoders import BiLSTM
from o2v_keras.encoders import Encoder
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.encoders import TokenTableEncoder
from o2v_keras.encoders import Transformer
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.layers.sequence_limit import SequenceLimit
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.shared_encoders import refuse_other_sharing
from o2v_keras.models.shared_encoders import shared_table

_CLASSES = {
    "hcnn": HCNN,
    "bilstm": BiLSTM,
    "pooled_embedding": PooledEmbedding,
    "transformer": Transformer,
}
# Hyperparameter -> argument of the class, beyond those of all encoders.
_ARGUMENTS = {
    "hcnn": {"layers": "layers", "cnn_filter_width": "filter_width"},
    "bilstm": {"layers": "layers"},
    "pooled_embedding": {
        "token_weighting": "token_weighting",
        "token_combiner": "token_combiner",
    },
    "transformer": {
        "layers": "layers",
        "heads": "heads",
        "feed_forward_dim": "feed_forward_dim",
    },
}
# What `get_config` of every encoder says, and other hyperparameters name.
_OF_EVERY_ENCODER = {
    *("name", "trainable", "dtype"),
    *("vocab_size", "max_seq_len", "output_dim"),
    *("id_dropout", "unknown_id", "token_embedding", "token_embedding_dim"),
}


def make_encoders(
    config: Object2VecConfig,
) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """Returns the encoders of both sides; the same one twice if shared.

    Raises:
        ValueError: If a class of the user's is not there or does not fit, or
            the size of a vocabulary is not learned yet.
    """
    if UNLIMITED in (config.enc0_vocab_size, config.enc1_vocab_size):
        raise ValueError(
            "`config` must have the size of the vocabulary: "
            "`learn_tokenizers(data, config).configure(config)` sets it, and "
            "so does `train`. Received: `vocab_size` unset"
        )
    classes = {
        "enc0": encoder_class(config.encoder0.network),
        "enc1": encoder_class(config.encoder1.network),
    }
    tied = config.tied_token_embedding_weight and not config.shared_encoder
    for side, cls in classes.items():
        if tied and not issubclass(cls, TokenTableEncoder):
            raise ValueError(
                "`tied_token_embedding_weight` must be false with "
                f'{side}_network="{cls.__name__}", which has no token table '
                "of ours (it is no `o2v_keras.encoders.TokenTableEncoder`). "
                "Received: tied_token_embedding_weight=True"
            )
    tables = _make_tables(config, classes)
    first = _make(config.encoder0, classes["enc0"], tables[0], 0)
    if config.shared_encoder:
        return first, first
    return first, _make(config.encoder1, classes["enc1"], tables[-1], 1)


def encoder_class(network: str) -> type[keras.layers.Layer]:
    """Returns the class of a network; imports no module.

    Args:
        network: Value of `enc0_network`.

    Raises:
        ValueError: If its module is not imported, or it is no registered
            Keras layer.

    Example:
    >>> encoder_class("hcnn").__name__
    'HCNN'
    """
    if network in _CLASSES:
        return _CLASSES[network]
    if ">" in network:
        cls = keras.saving.get_registered_object(network)
    else:
        module, _, name = network.partition(":")
        cls = getattr(sys.modules.get(module), name, None)
    # Otherwise a saved model could name any class of any module, and
    # `load_model` would call it.
    if (
        not isinstance(cls, type)
        or ">" not in keras.saving.get_registered_name(cls)
        or not issubclass(cls, keras.layers.Layer)
    ):
        raise ValueError(
            f"`{network}` must be a Keras layer, decorated with "
            "`keras.saving.register_keras_serializable`, in a module that is "
            "imported. Import it before the model is made or loaded. "
            f"Received: {cls!r}"
        )
    return cls


def encoder_models(
    encoders: Sequence[keras.layers.Layer],
    hyperparameters: Mapping[str, Any],
) -> tuple[keras.Model, keras.Model]:
    """Returns both encoders as models of ids of any length.

    Args:
        encoders: Two layers or models; may be the same one twice.
        hyperparameters: The sizes that an encoder does not know.

    Raises:
        ValueError: If an encoder gives something else than one vector of a
            known size for each row, or they differ in size.
    """
    models = {}
    for side, encoder in zip(("0", "1"), encoders, strict=True):
        if id(encoder) not in models:
            length = _size(
                encoder, f"enc{side}", "max_seq_len", hyperparameters
            )
            model = _encoder_model(encoder, length, side)
            _freeze(encoder)
            # So that the model can be an encoder of another one.
            model.max_seq_len = length
            model.vocab_size = _size(
                encoder, f"enc{side}", "vocab_size", hyperparameters
            )
            models[id(encoder)] = model
    first, second = (models[id(encoder)] for encoder in encoders)
    dims = first.output.shape[1], second.output.shape[1]
    if dims[0] != dims[1] or hyperparameters.get("enc_dim", dims[0]) != dims[0]:
        raise ValueError(
            "`encoder0` and `encoder1` must give encodings of one size, "
            "enc_dim. Received: "
            f"enc_dim={hyperparameters.get('enc_dim', dims[0])}, "
            f"{encoders[0].name} of {dims[0]} and {encoders[1].name} of "
            f"{dims[1]} numbers"
        )
    return first, second


def _freeze(encoder):
    # Keras saves `trainable` of a layer, and does not pass it on to the layers
    # within when it loads one. It runs the setter for another value alone.
    for layer in list(encoder._flatten_layers()):
        if not layer.trainable:
            layer.trainable = True
            layer.trainable = False


def _encoder_model(encoder, max_seq_len, side):
    inputs = ids = keras.Input((None,), dtype="int64", name=f"in{side}")
    if not isinstance(encoder, Encoder):
        ids = SequenceLimit(max_seq_len, name="sequence_limit")(inputs)
    encoding = encoder(ids)
    shape = getattr(encoding, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            f"`encoder{side}` must give encodings of shape (batch, dim) with "
            f"a known dim. Received: {encoder.name} with {shape or encoding}"
        )
    return keras.Model(inputs, encoding, name=f"encoder{side}")


def config_of(
    encoder0: keras.layers.Layer,
    encoder1: keras.layers.Layer,
    enc_dim: int,
    hyperparameters: Mapping[str, Any],
) -> Object2VecConfig:
    """Returns the configuration that describes two encoders.

    Args:
        encoder0: Layer or model for `in0`.
        encoder1: That for `in1`; may be the same one.
        enc_dim: Size of their encodings.
        hyperparameters: The other hyperparameters, and the sizes that an
            encoder does not know.

    Raises:
        ValueError: If a size is unknown, a hyperparameter contradicts an
            encoder, or the encoders share other layers than a token table.

    Example:
    >>> encoder = HCNN(vocab_size=9, max_seq_len=4, output_dim=8)
    >>> config = config_of(encoder, encoder, 8, {"mlp_layers": 1})
    >>> config.enc0_network, config.shared_encoder, config.mlp_layers
    ('hcnn', True, 1)
    """
    refuse_other_sharing(encoder0, encoder1)
    shared = {"dropout": hyperparameters.get("dropout", 0.0)}
    of_tokens = {"token_weighting": "none", "token_combiner": "mean"}
    for name in of_tokens:
        found = {
            getattr(encoder, name)
            for encoder in (encoder0, encoder1)
            if hasattr(encoder, name)
        }
        if len(found) == 1:
            (of_tokens[name],) = found
    shared |= of_tokens
    derived = {
        **_settings(encoder0, "enc0", hyperparameters, shared),
        **_settings(encoder1, "enc1", hyperparameters, shared),
        **of_tokens,
        "enc_dim": enc_dim,
        "shared_encoder": encoder0 is encoder1,
        "tied_token_embedding_weight": encoder0 is encoder1
        or shared_table(encoder0, encoder1) is not None,
    }
    for name, value in derived.items():
        if hyperparameters.get(name, value) != value:
            raise ValueError(
                f"`{name}` must be that of the encoder or be left out: "
                f"{value!r}. Received: {name}={hyperparameters[name]!r}"
            )
    return Object2VecConfig.from_dict({**hyperparameters, **derived})


def _settings(encoder, side, given, shared):
    """Returns the hyperparameters that describe one encoder."""
    values = {
        name: _size(encoder, side, name, given)
        for name in ("vocab_size", "max_seq_len")
    }
    values |= _network_of(encoder, shared)
    for name in ("token_embedding_dim", "id_dropout", "unknown_id"):
        value = getattr(encoder, name, None)
        if value is not None:
            values[name] = value
        elif name != "token_embedding_dim" and given.get(f"{side}_{name}"):
            raise ValueError(
                f"`{side}_{name}` must be left out with the encoder "
                f"`{encoder.name}`, which has no such setting. Received: "
                f"{side}_{name}={given[f'{side}_{name}']!r}"
            )
    return {f"{side}_{name}": value for name, value in values.items()}


def _network_of(encoder, shared):
    """Returns the network that makes such an encoder, with its settings.

    `shared` holds the hyperparameters that are not of one side alone.
    What the hyperparameters of a built-in network cannot say, the options of
    its class do. Arguments that are objects are left out.
    """
    cls = type(encoder)
    try:
        config = encoder.get_config()
    except NotImplementedError:
        config = {}  # Saving raises it again.
    own = {n: v for n, v in config.items() if n not in _OF_EVERY_ENCODER}
    for network, built_in in _CLASSES.items():
        fields = _ARGUMENTS[network]
        named = {*shared, *fields.values()}
        defaults = inspect.signature(built_in).parameters
        if cls is built_in and all(
            name in named or value == defaults[name].default
            for name, value in own.items()
        ):
            if all(own.get(n, value) == value for n, value in shared.items()):
                settings = {
                    field: own[name]
                    for field, name in fields.items()
                    if name not in shared and own[name] is not None
                }
                return {"network": network, **settings}
    try:
        options = json.loads(json.dumps(own, allow_nan=False))
    except (TypeError, ValueError):
        options = {}
    if issubclass(cls, keras.Model):
        # Its configuration is its graph.
        options = {}
    options = {
        name: value
        for name, value in options.items()
        if not isinstance(value, dict)
    }
    return {
        "network": f"{cls.__module__}:{cls.__name__}",
        "options": options,
    }


def _size(encoder, side, name, given):
    value = getattr(encoder, name, given.get(f"{side}_{name}"))
    if value is None:
        raise ValueError(
            f"`{side}_{name}` must be given, because the encoder "
            f"`{encoder.name}` has no attribute `{name}`."
        )
    return value


def _make(encoder: EncoderConfig, cls, table, number):
    arguments = {
        "vocab_size": encoder.vocab_size,
        "max_seq_len": encoder.max_seq_len,
        "output_dim": encoder.enc_dim,
        **encoder.options,
    }
    if encoder.id_dropout:
        arguments["id_dropout"] = encoder.id_dropout
        arguments["unknown_id"] = encoder.unknown_id
    if issubclass(cls, TokenTableEncoder):
        arguments["token_embedding_dim"] = encoder.token_embedding_dim
        arguments["token_embedding"] = table
    if encoder.network in _CLASSES:
        arguments["dropout"] = encoder.dropout
        # The same names in every model.
        arguments["name"] = f"{encoder.network}{number}"
        for field, argument in _ARGUMENTS[encoder.network].items():
            arguments[argument] = getattr(encoder, field)
    if encoder.network in _CLASSES:
        return cls(**arguments)
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as error:
        side = f"enc{number}"
        raise ValueError(
            f"`{side}_network` and `{side}_options` must make an encoder. "
            f'Received: {side}_network="{encoder.network}" with the arguments '
            f"{', '.join(arguments)}; it raised: {error}"
        ) from error


def _make_tables(config, classes):
    """Returns the token tables of both sides: one if tied."""
    tied = config.tied_token_embedding_weight
    table = GaussianEmbedding if config.token_embedding_kl else TokenEmbedding
    return [
        table(
            encoder.vocab_size,
            encoder.token_embedding_dim,
            gated=encoder.freeze_epochs > 0,
            trainable=not encoder.freezes_table,
            name="token_embedding" if tied else f"token_embedding{number}",
        )
        if issubclass(classes[side], TokenTableEncoder)
        else None
        for number, (side, encoder) in enumerate(config.token_tables.items())
    ]
