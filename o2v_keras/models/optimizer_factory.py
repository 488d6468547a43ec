"""Builds the optimizer of a configuration."""

import math
from collections.abc import Mapping
from typing import Any

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.optimizers import DenseAdadelta
from o2v_keras.optimizers import DenseAdagrad
from o2v_keras.optimizers import DenseAdam
from o2v_keras.optimizers import DenseRMSprop
from o2v_keras.optimizers import DenseSGD
from o2v_keras.optimizers import RowSparseAdadelta
from o2v_keras.optimizers import RowSparseAdagrad
from o2v_keras.optimizers import RowSparseAdam
from o2v_keras.optimizers import RowSparseLossScale
from o2v_keras.optimizers import RowSparseRMSprop
from o2v_keras.optimizers import RowSparseSGD
from o2v_keras.optimizers import WarmupSchedule
from o2v_keras.optimizers import WeightAverage

_DENSE = {
    "adam": DenseAdam,
    "adagrad": DenseAdagrad,
    "adadelta": DenseAdadelta,
    "rmsprop": DenseRMSprop,
    "sgd": DenseSGD,
}
_ROW_SPARSE = {
    "adam": RowSparseAdam,
    "adagrad": RowSparseAdagrad,
    "adadelta": RowSparseAdadelta,
    "rmsprop": RowSparseRMSprop,
    "sgd": RowSparseSGD,
}


def make_optimizer(config: Object2VecConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a configuration.

    With `mixed_float16` it scales the loss.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=9,
    ...     token_embedding_storage_type="row_sparse",
    ... )
    >>> make_optimizer(config).name
    'row_sparse_adam'
    """
    rate = _learning_rate(config)
    settings: dict[str, Any] = {
        "global_clipnorm": config.global_clipnorm or None
    }
    if config.weight_averaging != "none":
        settings["average"] = WeightAverage(
            config.weight_averaging, config.weight_averaging_decay
        )
    if config.token_embedding_storage_type == "dense":
        # Keras adds the loss scaling in `compile`.
        return _DENSE[config.optimizer](rate, **settings)
    optimizer = _ROW_SPARSE[config.optimizer](
        rate, row_l2=config.weight_decay, **settings
    )
    if config.dtype_policy == "mixed_float16":
        return RowSparseLossScale(optimizer)
    return optimizer


def _learning_rate(config):
    kind, warmup = config.learning_rate_schedule, config.warmup_steps
    if kind == "constant" and not warmup:
        # A user can change a number, but not a schedule, after compiling.
        return config.learning_rate
    return WarmupSchedule(config.learning_rate, kind, warmup)


def needs_steps(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether a cosine schedule or the average of a tail lacks its steps.

    Example:
    >>> optimizer = keras.optimizers.SGD(WarmupSchedule(0.1, "cosine"))
    >>> needs_steps(optimizer)
    True
    """
    return bool(_unplanned(optimizer))


def plan_steps(
    optimizer: keras.optimizers.Optimizer,
    config: Object2VecConfig,
    epoch_steps: int,
) -> None:
    """Sets the steps of a cosine schedule or average that lacks them.

    Args:
        optimizer: The optimizer.
        config: Its `epochs` and `weight_averaging_epochs` are used.
        epoch_steps: Steps of an epoch.
    """
    steps = {
        "total_steps": config.epochs,
        "start_step": config.epochs - config.weight_averaging_epochs,
    }
    for part, name in _unplanned(optimizer):
        setattr(part, name, steps[name] * epoch_steps)


def steps_per_epoch(arguments: Mapping[str, Any]) -> int:
    """Returns the steps per epoch from the arguments of `Model.fit`.

    Raises:
        ValueError: If they are unknown before the first epoch.

    Example:
    >>> steps_per_epoch({"x": {"in0": np.zeros((100, 3))}, "batch_size": 30})
    4
    """
    if arguments.get("steps_per_epoch"):
        return arguments["steps_per_epoch"]
    data = arguments.get("x")
    if hasattr(data, "cardinality"):
        steps = int(data.cardinality())
        if steps >= 0:
            return steps
    elif isinstance(data, Mapping):
        rows = len(next(iter(data.values())))
        rows -= int(rows * (arguments.get("validation_split") or 0.0))
        return math.ceil(rows / (arguments.get("batch_size") or 32))
    raise ValueError(
        "`steps_per_epoch` must be given to `fit` for data of unknown "
        'length with learning_rate_schedule="cosine" or '
        'weight_averaging="tail", which depend on the number of all steps. '
        f"Received: x of type {type(data).__name__}"
    )


def _unplanned(optimizer):
    """Returns the parts of an optimizer that lack steps, and what they lack."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)
    average = getattr(optimizer, "average", None)
    lacking = []
    if isinstance(schedule, WarmupSchedule) and schedule.kind == "cosine":
        lacking.append((schedule, "total_steps"))
    if isinstance(average, WeightAverage) and average.kind == "tail":
        lacking.append((average, "start_step"))
    return [(part, n) for part, n in lacking if getattr(part, n) is None]
