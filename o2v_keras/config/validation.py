"""Rules that involve several hyperparameters."""

import dataclasses
from collections.abc import Collection

from o2v_keras.config.encoder_config import EncoderConfig
from o2v_keras.config.rules import names_class

_HEAD = "in_batch_softmax"
# Settings that only this head uses -> their values with other heads.
_OFF = {
    "hard_negatives": 0,
    "mined_negatives": 0,
    "learn_temperature": False,
    "same_side_negatives": False,
    "exclude_query_tokens": False,
    "hardness_strength": 0.0,
}
# The id of unknown words in every tokenizer.
UNKNOWN_WORD = 1
# Settings that only built-in encoders use -> their defaults.
_OF_BUILT_IN = {"layers": "auto", "cnn_filter_width": 3}
# Arguments of every encoder -> their hyperparameters.
_SIZES = {
    "vocab_size": "{}_vocab_size",
    "max_seq_len": "{}_max_seq_len",
    "output_dim": "enc_dim",
    "token_embedding_dim": "{}_token_embedding_dim",
    "id_dropout": "{}_id_dropout",
    "unknown_id": "{}_unknown_id",
}
_TIED_FIELDS = (
    "vocab_size",
    "token_embedding_dim",
    "tokenizer",
    "min_count",
    "hash_buckets",
    "vocab_file",
)
_TIED_VECTOR_FIELDS = (
    "pretrained_embedding_file",
    "freeze_pretrained_embedding",
    "freeze_epochs",
)


def check_retrieval(config) -> None:
    """Raises `ValueError` if `in_batch_softmax` settings are inconsistent.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    if config.output_layer != _HEAD:
        for name, off in _OFF.items():
            value = getattr(config, name)
            if value != off:
                raise ValueError(
                    f"`{name}` must be {off} with "
                    f'output_layer="{config.output_layer}"; only '
                    f'output_layer="{_HEAD}" uses it. '
                    f"Received: {name}={value}"
                )
        return
    if config.mini_batch_size < 2:
        raise ValueError(
            f"`mini_batch_size` must be at least 2 with "
            f'output_layer="{_HEAD}", where the other rows of a batch are '
            f"the negatives; a few hundred are usual. "
            f"Received: mini_batch_size={config.mini_batch_size}"
        )
    if config.mined_negatives >= config.mini_batch_size:
        raise ValueError(
            "`mined_negatives` must be less than `mini_batch_size`, the rows "
            "of a batch with the negatives mined for them. Received: "
            f"mined_negatives={config.mined_negatives}, "
            f"mini_batch_size={config.mini_batch_size}"
        )
    if config.exclude_query_tokens:
        _check_query_tokens(config)


def _check_query_tokens(config):
    if config.mined_negatives:
        raise ValueError(
            "`mined_negatives` must be 0 with exclude_query_tokens=True: the "
            "nearest objects are mostly tokens of the query, which are no "
            f"negatives. Received: mined_negatives={config.mined_negatives}"
        )
    names = ("vocab_size", "tokenizer", "vocab_file")
    first, second = (
        [getattr(encoder, name) for name in names]
        for encoder in (config.encoder0, config.encoder1)
    )
    if first != second or (first[1] and not config.shares_tokenizer):
        received = ", ".join(
            f"enc{number}_{name}={value!r}"
            for number, values in enumerate((first, second))
            for name, value in zip(names, values, strict=True)
        )
        raise ValueError(
            "`exclude_query_tokens` must be False unless ids of both sides are "
            "of one vocabulary; texts are with "
            "tied_token_embedding_weight=True. "
            f"Received: {received}"
        )


def check_matryoshka(config) -> None:
    """Raises `ValueError` unless prefixes are shorter than encodings.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    dims = config.matryoshka_dims
    if dims and dims[-1] >= config.enc_dim:
        raise ValueError(
            f"`matryoshka_dims` must be below enc_dim={config.enc_dim}, the "
            "width of whole encodings, which are always trained. Received: "
            f"matryoshka_dims={dims}"
        )


def check_bpr(config) -> None:
    """Raises `ValueError` if the settings of `bpr` are inconsistent.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    if config.output_layer != "bpr":
        return
    if config.negative_sampling_rate < 1:
        raise ValueError(
            "`negative_sampling_rate` must be at least 1 with "
            'output_layer="bpr", which compares each positive with its own '
            "negatives. Received: negative_sampling_rate="
            f"{config.negative_sampling_rate}"
        )
    if config.mini_batch_size < config.group_rows:
        raise ValueError(
            "`mini_batch_size` must be at least 1 + negative_sampling_rate, "
            f'{config.group_rows}, with output_layer="bpr": a positive and '
            "its negatives are in one batch. Received: mini_batch_size="
            f"{config.mini_batch_size}"
        )


def check_gaussian_tables(config) -> None:
    """Raises `ValueError` if `token_embedding_kl` has a rival.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    if not config.token_embedding_kl:
        return
    for name in ("token_embedding_l2", "weight_decay"):
        if getattr(config, name):
            raise ValueError(
                f"`{name}` must be 0 with token_embedding_kl="
                f"{config.token_embedding_kl}, which already draws token "
                "embeddings to 0, as far as the data allow. Received: "
                f"{name}={getattr(config, name)}"
            )


def check_token_pooling(config) -> None:
    """Raises `ValueError` if no side uses a setting of the pooled mean.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    networks = config.encoder0.network, config.encoder1.network
    if "pooled_embedding" in networks or any(map(names_class, networks)):
        return
    for name, default in (
        ("token_weighting", "none"),
        ("token_combiner", "mean"),
    ):
        if getattr(config, name) != default:
            raise ValueError(
                f'`{name}` must be "{default}" with '
                f"enc0_network={networks[0]!r} and "
                f"enc1_network={networks[1]!r}; only "
                '"pooled_embedding" has this setting. '
                f"Received: {name}={getattr(config, name)!r}"
            )


def check_cosent(config) -> None:
    """Raises `ValueError` if the settings of `cosent` are inconsistent.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    if config.output_layer != "cosent":
        return
    _refuse_negatives(config, "labels say which pairs are more alike")
    if config.mini_batch_size < 2:
        raise ValueError(
            "`mini_batch_size` must be at least 2 with "
            'output_layer="cosent", which compares the pairs of a batch with '
            "each other; 32 and more are usual. Received: mini_batch_size="
            f"{config.mini_batch_size}"
        )


def check_embedding(config) -> None:
    """Raises `ValueError` if the settings of `embedding` are inconsistent.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    names = ("target_embedding_file", "target_embedding_dim")
    if config.output_layer != "embedding":
        for name in names:
            value = getattr(config, name)
            if value:
                raise ValueError(
                    f"`{name}` must be left out with output_layer="
                    f'"{config.output_layer}"; only output_layer="embedding" '
                    f"uses it. Received: {name}={value!r}"
                )
        return
    if not any(getattr(config, name) for name in names):
        raise ValueError(
            "`target_embedding_file` must name the .npy file of the vectors "
            'to learn with output_layer="embedding"; without one, '
            "`target_embedding_dim` must be their width. Received: "
            "target_embedding_file=''"
        )
    _refuse_negatives(config, "labels are row numbers of the vectors to learn")


def _refuse_negatives(config, reason):
    if config.negative_sampling_rate:
        raise ValueError(
            "`negative_sampling_rate` must be 0 with output_layer="
            f'"{config.output_layer}", where {reason}: a drawn negative has '
            "no label. Received: negative_sampling_rate="
            f"{config.negative_sampling_rate}"
        )


def check_weight_averaging(config) -> None:
    """Raises `ValueError` if fewer epochs are trained than averaged.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    if config.weight_averaging != "tail":
        return
    if config.weight_averaging_epochs > config.epochs:
        raise ValueError(
            "`weight_averaging_epochs` must be at most `epochs` with "
            'weight_averaging="tail", which averages the last of them. '
            "Received: weight_averaging_epochs="
            f"{config.weight_averaging_epochs}, epochs={config.epochs}"
        )


def check_encoder(
    encoder: EncoderConfig, prefix: str, weight_decay: float
) -> None:
    """Raises `ValueError` if the settings of an encoder are inconsistent.

    Args:
        encoder: The resolved settings.
        prefix: `"enc0"` or `"enc1"`, for error messages.
        weight_decay: The configuration's weight decay.
    """
    if encoder.network == "bilstm" and encoder.enc_dim % 2:
        raise ValueError(
            f'`enc_dim` must be even for {prefix}_network="bilstm", '
            f"whose two directions share it equally. "
            f"Received: enc_dim={encoder.enc_dim}"
        )
    if encoder.network == "hcnn" and encoder.enc_dim < encoder.layers:
        raise ValueError(
            f"`enc_dim` must be at least {prefix}_layers for "
            f'{prefix}_network="hcnn", where every convolution has at '
            f"least one filter. Received: enc_dim={encoder.enc_dim}, "
            f"{prefix}_layers={encoder.layers}"
        )
    if encoder.network == "transformer" and encoder.enc_dim % (
        2 * encoder.heads
    ):
        raise ValueError(
            f"`enc_dim` must be a multiple of 2 * {prefix}_heads for "
            f'{prefix}_network="transformer", whose heads share it equally, '
            f"in pairs that rotary positions rotate. Received: "
            f"enc_dim={encoder.enc_dim}, {prefix}_heads={encoder.heads}"
        )

    ordered = encoder.network in ("hcnn", "bilstm", "transformer")
    if encoder.tokenizer == "ngrams" and ordered:
        raise ValueError(
            f'`{prefix}_tokenizer` must not be "ngrams" with '
            f'{prefix}_network="{encoder.network}", for which the order '
            f"of ids matters: n-grams have no order. Use "
            f'{prefix}_network="pooled_embedding", or '
            f'{prefix}_tokenizer="wordpiece". '
            f'Received: {prefix}_tokenizer="ngrams"'
        )
    _check_freezing(encoder, prefix, weight_decay)
    _check_unknown_id(encoder, prefix)


def check_own_encoder(
    config, encoder: EncoderConfig, prefix: str, given: Collection[str]
) -> None:
    """Raises `ValueError` for settings that an encoder would ignore.

    Args:
        config: A resolved `Object2VecConfig`.
        encoder: Its settings of one side.
        prefix: `"enc0"` or `"enc1"`, for error messages.
        given: Names of the hyperparameters that the user gave.
    """
    if not names_class(encoder.network):
        if encoder.options:
            raise ValueError(
                f"`{prefix}_options` must be left out with {prefix}_network="
                f'"{encoder.network}"; they are the arguments of a class of '
                f"your own. Received: {prefix}_options={encoder.options}"
            )
        return
    for name, field in _SIZES.items():
        if name in encoder.options:
            raise ValueError(
                f"`{prefix}_options` must not hold `{name}`, which is "
                f"`{field.format(prefix)}`. Received: "
                f"{prefix}_options={encoder.options}"
            )
    for name, default in _OF_BUILT_IN.items():
        field = f"{prefix}_{name}"
        # `to_dict` gives the defaults.
        if field in given and getattr(config, field) != default:
            raise ValueError(
                f"`{field}` must be left out with {prefix}_network="
                f'"{encoder.network}", which gets its own arguments by '
                f"{prefix}_options. Received: "
                f"{field}={getattr(config, field)!r}"
            )


def check_shared_encoder(config) -> None:
    """Raises `ValueError` if both sides cannot have one encoder.

    Args:
        config: A resolved `Object2VecConfig`.
    """
    first, second = config.encoder0, config.encoder1
    reason = "shared_encoder=True"
    if config.output_layer == "embedding":
        reason = 'output_layer="embedding"'
    for field in dataclasses.fields(EncoderConfig):
        values = getattr(first, field.name), getattr(second, field.name)
        if values[0] != values[1]:
            raise ValueError(
                f"`enc0_{field.name}` and `enc1_{field.name}` must be equal "
                f"with {reason}: both sides have one encoder. "
                f'`enc1_network="enc0"` copies all settings. Received: '
                f"enc0_{field.name}={values[0]!r}, "
                f"enc1_{field.name}={values[1]!r}"
            )


def check_tied_tables(first: EncoderConfig, second: EncoderConfig) -> None:
    """Raises `ValueError` if both encoders cannot share one token table."""
    names: list[str] = [*_TIED_FIELDS]
    if first.pretrained_embedding_file and second.pretrained_embedding_file:
        names += _TIED_VECTOR_FIELDS
    for name in names:
        values = getattr(first, name), getattr(second, name)
        if values[0] != values[1]:
            raise ValueError(
                f"`enc0_{name}` and `enc1_{name}` must be equal with "
                f"tied_token_embedding_weight=True: both encoders share "
                f"one table. Received: enc0_{name}={values[0]}, "
                f"enc1_{name}={values[1]}"
            )


def _check_freezing(encoder, prefix, weight_decay):
    if not encoder.freeze_epochs:
        return
    if not encoder.pretrained_embedding_file:
        reason = f"without {prefix}_pretrained_embedding_file"
    elif encoder.freeze_pretrained_embedding:
        reason = (
            f"with {prefix}_freeze_pretrained_embedding=True, which "
            f"freezes the vectors in all epochs; set that to false"
        )
    elif weight_decay:
        reason = (
            f"with weight_decay={weight_decay}, which would change "
            f"frozen vectors"
        )
    else:
        return
    raise ValueError(
        f"`{prefix}_freeze_epochs` must be 0 {reason}. "
        f"Received: {prefix}_freeze_epochs={encoder.freeze_epochs}"
    )


def _check_unknown_id(encoder, prefix):
    if encoder.id_dropout and not encoder.unknown_id:
        raise ValueError(
            f"`{prefix}_unknown_id` must be given with "
            f"{prefix}_id_dropout={encoder.id_dropout}: an id that no object "
            f"in your data has, which stands for unknown ones. Received: "
            f"{prefix}_unknown_id=0"
        )
    if encoder.unknown_id >= encoder.vocab_size:
        raise ValueError(
            f"`{prefix}_unknown_id` must be smaller than {prefix}_vocab_size="
            f"{encoder.vocab_size}. Received: "
            f"{prefix}_unknown_id={encoder.unknown_id}"
        )
    if encoder.tokenizer and encoder.unknown_id not in (0, UNKNOWN_WORD):
        raise ValueError(
            f"`{prefix}_unknown_id` must be left out with "
            f"{prefix}_tokenizer={encoder.tokenizer!r}, whose unknown words "
            f"have the id {UNKNOWN_WORD}. Received: "
            f"{prefix}_unknown_id={encoder.unknown_id}"
        )
