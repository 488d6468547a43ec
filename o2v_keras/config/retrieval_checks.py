"""What settings must have in common with `output_layer="in_batch_softmax"`."""

_HEAD = "in_batch_softmax"
# What asks for something that no other head does.
_OFF = {"hard_negatives": 0, "mined_negatives": 0, "learn_temperature": False}


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
