"""Rules that concern several hyperparameters at once."""

from o2v_keras.config.encoder_config import EncoderConfig

_HEAD = "in_batch_softmax"
# What asks for something that no other head does.
_OFF = {"hard_negatives": 0, "mined_negatives": 0, "learn_temperature": False}
# The id that tokenizers give unknown words.
UNKNOWN_WORD = 1
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
    """Raises `ValueError` if settings do not go with the head.

    Args:
        config: `Object2VecConfig` with the values in force.
    """
    if config.output_layer != _HEAD:
        for name, off in _OFF.items():
            value = getattr(config, name)
            if value != off:
                raise ValueError(
                    f"`{name}` must be {off} beside "
                    f'output_layer="{config.output_layer}"; only '
                    f'output_layer="{_HEAD}" knows it. '
                    f"Received: {name}={value}"
                )
        return
    if config.mini_batch_size < 2:
        raise ValueError(
            f"`mini_batch_size` must be at least 2 beside "
            f'output_layer="{_HEAD}", where the other rows of a batch are '
            f"the negatives; some hundreds are usual. "
            f"Received: mini_batch_size={config.mini_batch_size}"
        )
    if config.mined_negatives >= config.mini_batch_size:
        raise ValueError(
            "`mined_negatives` must be less than `mini_batch_size`, the rows "
            "of a batch with the negatives mined for them. Received: "
            f"mined_negatives={config.mined_negatives}, "
            f"mini_batch_size={config.mini_batch_size}"
        )


def check_bpr(config) -> None:
    """Checks the fields that `output_layer="bpr"` goes by.

    Args:
        config: `Object2VecConfig`.

    Raises:
        ValueError: If there are no negatives, or no batch can hold a positive
            with all of its own.
    """
    if config.output_layer != "bpr":
        return
    if config.negative_sampling_rate < 1:
        raise ValueError(
            "`negative_sampling_rate` must be at least 1 beside "
            'output_layer="bpr", which compares each positive with negatives '
            "of its own. Received: negative_sampling_rate="
            f"{config.negative_sampling_rate}"
        )
    if config.mini_batch_size < config.group_rows:
        raise ValueError(
            "`mini_batch_size` must be at least 1 + negative_sampling_rate, "
            f'{config.group_rows}, beside output_layer="bpr": a positive and '
            "its negatives are in one batch. Received: mini_batch_size="
            f"{config.mini_batch_size}"
        )


def check_encoder(
    encoder: EncoderConfig, prefix: str, weight_decay: float
) -> None:
    """Raises `ValueError` if an encoder's settings do not go together.

    Args:
        encoder: All that holds for it.
        prefix: `"enc0"` or `"enc1"`, for the message.
        weight_decay: Of the training.
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
            f'{prefix}_network="hcnn", where every convolution gives a '
            f"part of it. Received: enc_dim={encoder.enc_dim}, "
            f"{prefix}_layers={encoder.layers}"
        )

    ordered = encoder.network in ("hcnn", "bilstm")
    if encoder.tokenizer == "ngrams" and ordered:
        raise ValueError(
            f'`{prefix}_tokenizer` must not be "ngrams" beside '
            f'{prefix}_network="{encoder.network}", for which the order '
            f"of ids matters: n-grams are a bag. Use "
            f'{prefix}_network="pooled_embedding", or '
            f'{prefix}_tokenizer="wordpiece". '
            f'Received: {prefix}_tokenizer="ngrams"'
        )
    _check_freezing(encoder, prefix, weight_decay)
    _check_unknown_id(encoder, prefix)


def check_tied_tables(first: EncoderConfig, second: EncoderConfig) -> None:
    """Raises `ValueError` if one token table does not suit both encoders."""
    names = list(_TIED_FIELDS)
    if first.pretrained_embedding_file and second.pretrained_embedding_file:
        names += _TIED_VECTOR_FIELDS
    for name in names:
        values = getattr(first, name), getattr(second, name)
        if values[0] != values[1]:
            raise ValueError(
                f"`enc0_{name}` and `enc1_{name}` must be equal beside "
                f"tied_token_embedding_weight=True, which gives both "
                f"encoders one table. Received: enc0_{name}={values[0]}, "
                f"enc1_{name}={values[1]}"
            )


def _check_freezing(encoder, prefix, weight_decay):
    if not encoder.freeze_epochs:
        return
    if not encoder.pretrained_embedding_file:
        reason = f"without {prefix}_pretrained_embedding_file"
    elif encoder.freeze_pretrained_embedding:
        reason = (
            f"beside {prefix}_freeze_pretrained_embedding=True, which "
            f"freezes the vectors for good; set that to false"
        )
    elif weight_decay:
        reason = (
            f"beside weight_decay={weight_decay}, which would move "
            f"resting vectors all the same"
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
            f"`{prefix}_unknown_id` must be given beside "
            f"{prefix}_id_dropout={encoder.id_dropout}: the id, used by no "
            f"object of your data, that stands for unknown ones. Received: "
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
            f"`{prefix}_unknown_id` must be left out beside "
            f"{prefix}_tokenizer={encoder.tokenizer!r}, whose unknown words "
            f"have the id {UNKNOWN_WORD}. Received: "
            f"{prefix}_unknown_id={encoder.unknown_id}"
        )
