"""Resolves encoder settings that depend on other settings."""

from collections.abc import Collection
from typing import Any

from o2v_keras.config.encoder_config import UNLIMITED
from o2v_keras.config.validation import UNKNOWN_WORD
from o2v_keras.user_warning import warn_user

# SageMaker's defaults. The fields themselves default to None, so that a value
# given by the user differs from one left out.
LATE_DEFAULTS = {
    "options": {},
    "token_embedding_dim": 300,
    "cnn_filter_width": 3,
    "layers": "auto",
    "heads": 4,
    "feed_forward_dim": "auto",
    "pretrained_embedding_file": "",
    "vocab_file": "",
    "freeze_pretrained_embedding": True,
    "freeze_epochs": 0,
    "tokenizer": "",
    "min_count": 1,
    "hash_buckets": 0,
    "id_dropout": 0.0,
    "unknown_id": 0,
}
# A category is a sequence of one id; the vocabulary of categories holds all
# training values.
_CATEGORY_SIZES = {
    "category": {"max_seq_len": 1, "vocab_size": UNLIMITED},
    "categories": {"vocab_size": UNLIMITED},
}
# Tokenizers whose vocabulary a file may hold, which then says its size.
_OF_FILES = ("wordpiece", "sentencepiece")
# SageMaker's `auto`: four convolutions, one bidirectional LSTM.
_AUTO_LAYERS = {"hcnn": 4, "transformer": 2}
ENCODER_FIELDS = ("max_seq_len", "vocab_size", *LATE_DEFAULTS)


def without_auto(
    name: str, value: object, network: str, enc_dim: int
) -> object:
    """Returns the value of an encoder's setting, for `"auto"` a number.

    Example:
    >>> without_auto("layers", "auto", "hcnn", enc_dim=64)
    4
    >>> without_auto("feed_forward_dim", "auto", "transformer", enc_dim=64)
    256
    """
    if value != "auto":
        return value
    if name == "layers":
        return _AUTO_LAYERS.get(network, 1)
    return 4 * enc_dim


def resolved_encoders(
    values: dict[str, Any], given: Collection[str]
) -> dict[str, Any]:
    """Returns the resolved fields `enc0_*` and `enc1_*`.

    Args:
        values: All fields of a configuration; `None` if not given.
        given: Names of the fields that the user gave.

    Raises:
        ValueError: If a size is missing, or `enc1_*` contradicts the copy of
            enc0 that `enc1_network="enc0"` makes.
    """
    values = dict(values)
    _resolve(values, "enc0", given)
    for name in ("enc0_max_seq_len", "enc0_vocab_size"):
        if values[name] is None:
            least = 1 if name.endswith("len") else 2
            raise ValueError(
                f"`{name}` must be given; it is an integer of at least "
                f"{least}. `o2v check` proposes one that fits data of ids."
            )
    if values["enc1_network"] == "enc0":
        _copy_enc0(values)
    else:
        _resolve(values, "enc1", given)
        for name in ("enc1_max_seq_len", "enc1_vocab_size"):
            if values[name] is None:
                raise ValueError(
                    f"`{name}` must be given with "
                    f'enc1_network="{values["enc1_network"]}"; only '
                    f'enc1_network="enc0" copies it from enc0. '
                    f"Received: {name}=None"
                )
    return {n: v for n, v in values.items() if n.startswith(("enc0_", "enc1_"))}


def _resolve(values, prefix, given):
    for name, default in LATE_DEFAULTS.items():
        if values[f"{prefix}_{name}"] is None:
            values[f"{prefix}_{name}"] = default
    sizes = _CATEGORY_SIZES.get(values[f"{prefix}_tokenizer"], {})
    for name, size in sizes.items():
        if values[f"{prefix}_{name}"] is None:
            values[f"{prefix}_{name}"] = size
    has_file = any(
        values[f"{prefix}_{name}"]
        for name in ("vocab_file", "pretrained_embedding_file")
    )
    if values[f"{prefix}_tokenizer"] in _OF_FILES and has_file:
        if values[f"{prefix}_vocab_size"] is None:
            values[f"{prefix}_vocab_size"] = UNLIMITED
    has_tokenizer = values[f"{prefix}_tokenizer"] != ""
    if values[f"{prefix}_id_dropout"] and has_tokenizer:
        # Tokenizers have their own id for unknown words.
        values[f"{prefix}_unknown_id"] = (
            values[f"{prefix}_unknown_id"] or UNKNOWN_WORD
        )
    if values[f"{prefix}_network"] == "pooled_embedding":
        name, width = f"{prefix}_token_embedding_dim", values["enc_dim"]
        if name in given and values[name] != width:
            warn_user(
                f"A pooled_embedding encoder averages token embeddings and "
                f"has no projection: {name}={values[name]} follows "
                f"enc_dim={width}. Set both alike to silence this.",
            )
        values[name] = width


def _copy_enc0(values):
    network = values["enc0_network"]
    for name in ENCODER_FIELDS:
        value, copied = values[f"enc1_{name}"], values[f"enc0_{name}"]
        resolved = without_auto(name, copied, network, values["enc_dim"])
        if value not in (None, "", copied, resolved):
            raise ValueError(
                f"`enc1_{name}` must equal enc0's with enc1_network="
                f'"enc0", which copies every setting of enc0. Received: '
                f"enc1_{name}={value!r} and enc0_{name}={resolved!r}. "
                f"Leave enc1_{name} out, or set enc1_network="
                f'"{network}" to give it settings of its own.'
            )
        values[f"enc1_{name}"] = copied
