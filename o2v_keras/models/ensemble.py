"""Several models as one, whose scores are the mean of theirs."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from o2v_keras.encoders import ConcatenatedEncoder
from o2v_keras.layers.comparator import Comparator
from o2v_keras.layers.comparator import similarity_places
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds

# Comparator operation -> encodings in its result, and the power of a factor
# of both encodings by which the result grows.
_BLOCKS = {"hadamard": (1, 2), "concat": (2, 1), "abs_diff": (1, 1)}
_TOKENIZER = ("tokenizer", "min_count", "hash_buckets")
# Hyperparameters that the encoders say themselves, and those of token tables
# and prefixes, which an ensemble does not train.
_LEFT_OUT = {
    *("enc_dim", "shared_encoder", "tied_token_embedding_weight"),
    *("comparator_list", "token_embedding_l2"),
    *("token_embedding_kl", "token_weighting", "token_combiner"),
    "matryoshka_dims",
}


def make_ensemble(models: Sequence[Object2Vec]) -> Object2Vec:
    """Returns one model whose scores are the mean of several models' scores.

    Its encoders concatenate those of the models, so that it embeds, fits,
    exports and serves like any other. The mean is exact for heads without an
    MLP: the similarity of `in_batch_softmax`, and linear layers on `dot`,
    `hadamard`, `concat` and `abs_diff`, or on `cosine` alone. Of
    classification the logits are averaged, not the probabilities. Cosines
    are averaged where no model encodes an object as zeros.

    Weights are copied. If both sides of every model have one encoder, so has
    the ensemble; otherwise each side gets copies, of tied tables too.
    Hyperparameters are those of the first model.

    Args:
        models: Two or more of `Object2Vec` with the same head, comparators,
            vocabularies, tokenizers and dtype policy. Networks, `enc_dim`
            and `max_seq_len` may differ.

    Raises:
        ValueError: If the mean of their scores is no such model.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=3,
    ...     enc0_vocab_size=9,
    ...     enc_dim=4,
    ...     output_layer="in_batch_softmax",
    ... )
    >>> models = [Object2Vec(config.replace(seed=seed)) for seed in (0, 1)]
    >>> make_ensemble(models).config.enc_dim
    8
    """
    _require_alike(models)
    first, linear = models[0], _is_linear(models[0])
    similarity = _similarity(first)
    weights = [_similarity_weight(model) for model in models]
    scales = [math.sqrt(weight / len(models)) for weight in weights]
    if similarity is None:
        scales = [1.0] * len(models)
    encoders = _concatenated(models, scales, similarity == "cosine")
    settings = {
        name: value
        for name, value in first.config.to_dict().items()
        if not name.startswith(("enc0_", "enc1_")) and name not in _LEFT_OUT
    }
    for side in ("enc0", "enc1"):
        for name in _TOKENIZER:
            settings[f"{side}_{name}"] = getattr(first.config, f"{side}_{name}")
    made = Object2Vec(
        *encoders,
        first.config.comparator_list,
        head=first.head,
        **settings,
    )
    if linear:
        _set_scores(made, models, scales)
    elif _log_temperature(made) is not None:
        logs = [_log_temperature(model) for model in models]
        _log_temperature(made).assign(
            np.mean([x for x in logs if x is not None])
        )
    made.tokenizers = first.tokenizers
    made.trained_ids = _trained_by_all(models)
    return made


def _require_alike(models):
    if len(models) < 2:
        raise ValueError(
            f"`models` must be two or more. Received: {len(models)}"
        )
    facts = [_facts(model) for model in models]
    for name, value in facts[0].items():
        values = [fact[name] for fact in facts]
        if values != [value] * len(models):
            raise ValueError(
                f"`models` must have the same {name}, so that one model can "
                f"have the mean of their scores. Received: {name} "
                + ", ".join(map(repr, values))
            )
    for model in models:
        has_mlp = _is_linear(model) and model.config.mlp_layers
        if has_mlp or _last_layer(model) is None:
            raise ValueError(
                "`models` must compare encodings by a similarity or by a "
                "linear layer without an MLP (`mlp_layers` 0): the mean of "
                "other heads is no such head. Received: "
                f'output_layer="{model.config.output_layer}", '
                f"mlp_layers={model.config.mlp_layers}"
            )
    _require_comparators(models[0])


def _facts(model):
    config = model.config
    compares = _is_linear(model)
    return {
        "head": type(model.head).__name__,
        "num_classes": config.num_classes,
        "similarity": None if compares else config.similarity,
        "comparator_list": config.comparator_list if compares else None,
        "enc0_vocab_size": config.enc0_vocab_size,
        "enc1_vocab_size": config.enc1_vocab_size,
        "tokenizers": model.tokenizers.fingerprint(),
        "dtype_policy": config.dtype_policy,
    }


def _require_comparators(model):
    if not _is_linear(model):
        return
    names = model.config.comparator_list
    known = names == ("cosine",) or {*names} <= {"dot", *_BLOCKS}
    classes = model.config.output_layer == "softmax" and (
        model.config.num_classes > 2
    )
    if not known or (classes and not {*names} <= {*_BLOCKS}):
        raise ValueError(
            "`models` must compare encodings by some of dot, "
            f"{', '.join(_BLOCKS)}, or by cosine alone; by dot or cosine for "
            "one score or two classes. Received: comparator_list="
            f"{','.join(names)}, num_classes={model.config.num_classes}"
        )


def _last_layer(model):
    """Returns the layer whose output are the scores, `None` if unknown."""
    layers = {layer.name: layer for layer in model.layers}
    last = layers.get("scores", layers.get("comparator"))
    return last if type(last) in (keras.layers.Dense, Comparator) else None


def _is_linear(model):
    return isinstance(_last_layer(model), keras.layers.Dense)


def _similarity(model):
    """Returns `dot` or `cosine` if a head weighs it, otherwise `None`."""
    if not _is_linear(model):
        return _last_layer(model).operations[0]
    return next(
        (n for n in model.config.comparator_list if n in ("dot", "cosine")),
        None,
    )


def _similarity_weight(model):
    """Returns how the score, or the log-odds of class 1, grows with it."""
    if not _is_linear(model) or _similarity(model) is None:
        return 1.0
    config = model.config
    (place,) = similarity_places(config.comparator_list, config.enc_dim)
    row = _kernel(model)[place]
    weight = float(row[-1] - (row[0] if len(row) == 2 else 0))
    if weight <= 0:
        raise ValueError(
            "`models` must score pairs higher that are more alike: encodings "
            f"are scaled by the root of the weight of {_similarity(model)}. "
            f"Received: a model whose weight is {weight:g}"
        )
    return weight


def _kernel(model):
    return keras.ops.convert_to_numpy(model.get_layer("scores").kernel)


def _log_temperature(model):
    """Returns the weight; `None` if the temperature is not learned."""
    scale = {layer.name: layer for layer in model.layers}.get("pair_vectors")
    return getattr(scale, "log_temperature", None)


def _concatenated(models, scales, normalize):
    """Returns the encoders of both sides; one if all models have one."""
    shared = all(_is_shared(model) for model in models)
    made = []
    for number in (0,) if shared else (0, 1):
        members = [(model.encoder0, model.encoder1)[number] for model in models]
        sizes = [
            (model.config.encoder0, model.config.encoder1)[number]
            for model in models
        ]
        made.append(
            ConcatenatedEncoder(
                sizes[0].vocab_size,
                max(size.max_seq_len for size in sizes),
                sum(size.enc_dim for size in sizes),
                [_copy(m, place) for place, m in enumerate(members)],
                scales,
                normalize,
                dtype=models[0].config.dtype_policy,
                name=f"concatenated{number}",
            )
        )
    return made[0], made[-1]


def _is_shared(model):
    """Whether both encoders compute the same by the same weights."""
    config = model.config
    weights = [
        [id(weight) for weight in encoder.weights]
        for encoder in (model.encoder0, model.encoder1)
    ]
    return weights[0] == weights[1] and config.encoder0 == config.encoder1


def _copy(encoder, number):
    """Returns a copy that no other model shares, with a name of its own."""
    serialized = keras.saving.serialize_keras_object(encoder)
    serialized["config"]["name"] = f"{encoder.name}_{number}"
    copy = keras.saving.deserialize_keras_object(serialized)
    copy.set_weights(encoder.get_weights())
    return copy


def _set_scores(made, models, scales):
    """Sets the last layer so that scores, or logits, are the mean."""
    parts = [_rows(model) for model in models]
    kernel = []
    for name in made.config.comparator_list:
        if name in _BLOCKS:
            blocks, power = _BLOCKS[name]
            factors = [1 / (len(models) * scale**power) for scale in scales]
            split = [
                np.split(rows[name] * factor, blocks)
                for rows, factor in zip(parts, factors, strict=True)
            ]
            kernel += [
                rows for block in zip(*split, strict=True) for rows in block
            ]
        else:
            # Encodings of a cosine have this length on both sides.
            square = 1 if name == "dot" else sum(s**2 for s in scales)
            units = _kernel(made).shape[1]
            kernel.append(
                [[-square / 2, square / 2] if units == 2 else [square]]
            )
    scores = made.get_layer("scores")
    scores.kernel.assign(np.concatenate(kernel))
    if scores.use_bias:
        biases = [model.get_layer("scores").bias.numpy() for model in models]
        scores.bias.assign(np.mean(biases, axis=0))


def _rows(model):
    """Returns comparator operation -> its rows of the kernel."""
    names, dim = model.config.comparator_list, model.config.enc_dim
    sizes = [_BLOCKS[n][0] * dim if n in _BLOCKS else 1 for n in names]
    rows = np.split(_kernel(model), np.cumsum(sizes)[:-1])
    return dict(zip(names, rows, strict=True))


def _trained_by_all(models):
    """Returns the ids that every model has trained, `None` if unknown."""
    if any(model.trained_ids is None for model in models):
        return None
    trained = TrainedIds(models[0].config)
    known = [model.trained_ids.sides for model in models]
    trained.sides = {
        side: np.logical_and.reduce(
            [sides[side] for sides in known if side in sides]
        )
        for side in ("in0", "in1")
        if any(side in sides for sides in known)
    }
    return trained
