"""What the pairwise loss needs of other hyperparameters."""


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
