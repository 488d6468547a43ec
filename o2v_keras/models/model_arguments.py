"""The arguments of Object2Vec as hyperparameters."""

from collections.abc import Mapping
from typing import Any

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.heads import Embedding
from o2v_keras.heads import Head
from o2v_keras.registry import import_network
from o2v_keras.user_warning import warn_user


def second_encoder(
    encoder0: keras.layers.Layer | Object2VecConfig,
    encoder1: keras.layers.Layer | None,
    head: Head | None,
    hyperparameters: Mapping[str, Any],
) -> keras.layers.Layer | None:
    """Returns the encoder of `in1`; of a model of one encoder that one.

    Args:
        encoder0: The encoder of `in0`, or a configuration alone.
        encoder1: The encoder of `in1`, or `None`.
        head: The head, or `None`.
        hyperparameters: The other hyperparameters.

    Raises:
        ValueError: If there are two encoders for a head of one.
    """
    named = hyperparameters.get("output_layer") == Embedding.output_layer
    if not (named or isinstance(head, Embedding)):
        return encoder1
    if encoder1 not in (None, encoder0):
        raise ValueError(
            "`encoder1` must be left out with heads.Embedding, whose model "
            f"has one encoder. Received: encoder1={encoder1!r}"
        )
    return encoder0


def model_arguments(
    encoder0: keras.layers.Layer | Object2VecConfig,
    encoder1: keras.layers.Layer | None,
    comparators: tuple[str, ...] | None,
    head: Head | None,
    seed: int,
    hyperparameters: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the hyperparameters that the arguments of a model give.

    Imports the modules of the encoders that a configuration names: its user
    gave it.

    Args:
        encoder0: The encoder of `in0`, or a configuration alone.
        encoder1: The encoder of `in1`.
        comparators: Names of comparator operations.
        head: The head.
        seed: The seed.
        hyperparameters: The other hyperparameters.

    Raises:
        TypeError: If an argument has another type, or is given beside a
            configuration.
        ValueError: If a hyperparameter contradicts the head.
    """
    if isinstance(encoder0, Object2VecConfig):
        _refuse_more(encoder1, comparators, head, seed, hyperparameters)
        for encoder in (encoder0.encoder0, encoder0.encoder1):
            import_network(encoder.network)
        return encoder0.to_dict()
    _require_encoders(encoder0, encoder1)
    values = {**hyperparameters, "seed": seed}
    if head is not None:
        values = _joined(head, values)
    if comparators is not None:
        if "comparator_list" in values:
            raise ValueError(
                "`comparators` and `comparator_list` are the same: give one. "
                f"Received: comparators={comparators!r}, "
                f"comparator_list={values['comparator_list']!r}"
            )
        values["comparator_list"] = comparators
    policy = encoder0.dtype_policy.name
    if values.setdefault("dtype_policy", policy) != policy:
        raise ValueError(
            "`dtype_policy` must be that of the encoders, which were made "
            f'with "{policy}": set `keras.config.set_dtype_policy` before '
            "they are made, or give them `dtype=`. Received: "
            f"dtype_policy={values['dtype_policy']!r}"
        )
    for each in (encoder0, encoder1, head):
        _warn_of_unregistered(each)
    return values


def _refuse_more(encoder1, comparators, head, seed, hyperparameters):
    objects = (encoder1, comparators, head)
    if not any(each is not None for each in objects):
        if not seed and not hyperparameters:
            return
    raise TypeError(
        "`encoder0` is an Object2VecConfig, which holds all hyperparameters: "
        "give nothing but `name` beside it, and change it by "
        "`config.replace(...)`."
    )


def _warn_of_unregistered(part):
    cls = type(part)
    is_kerass = part is None or cls.__module__.partition(".")[0] == "keras"
    if is_kerass or ">" in keras.saving.get_registered_name(cls):
        return
    warn_user(
        f"{cls.__name__} is not registered with Keras, so a saved model loads "
        "only with custom_objects. Decorate the class with "
        '@keras.saving.register_keras_serializable(package="my_package").'
    )


def _joined(head, hyperparameters):
    """Returns the hyperparameters with those of a head."""
    if not isinstance(head, Head):
        raise TypeError(
            "`head` must be one of `o2v_keras.heads`, such as "
            f"`heads.Classification(num_classes=2)`. Received: head={head!r}"
        )
    for name, value in head.hyperparameters.items():
        if hyperparameters.get(name, value) != value:
            raise ValueError(
                f"`{name}` must be that of the head or be left out: {value!r}. "
                f"Received: {name}={hyperparameters[name]!r}"
            )
    return {**hyperparameters, **head.hyperparameters}


def _require_encoders(encoder0, encoder1):
    for name, encoder in (("encoder0", encoder0), ("encoder1", encoder1)):
        if not isinstance(encoder, keras.layers.Layer):
            raise TypeError(
                f"`{name}` must be a Keras layer or model, or `encoder0` "
                "alone an Object2VecConfig. "
                f"Received: {name}={encoder!r}"
            )
