"""Builds the optimizer of a configuration."""

import math
from collections.abc import Mapping

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
    clipping = {"global_clipnorm": config.global_clipnorm or None}
    if config.token_embedding_storage_type == "dense":
        # Keras adds the loss scaling in `compile`.
        return _DENSE[config.optimizer](rate, **clipping)
    optimizer = _ROW_SPARSE[config.optimizer](
        rate, row_l2=config.weight_decay, **clipping
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
    """Whether a cosine schedule lacks its number of steps.

    Example:
    >>> optimizer = keras.optimizers.SGD(WarmupSchedule(0.1, "cosine"))
    >>> needs_steps(optimizer)
    True
    """
    schedule = _schedule(optimizer)
    is_cosine = schedule is not None and schedule.kind == "cosine"
    return is_cosine and schedule.total_steps is None


def plan_learning_rate(
    optimizer: keras.optimizers.Optimizer, total_steps: int
) -> None:
    """Sets the number of steps of a cosine schedule that lacks it."""
    if needs_steps(optimizer):
        _schedule(optimizer).total_steps = total_steps


def steps_per_epoch(arguments: Mapping[str, object]) -> int:
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
        'length with learning_rate_schedule="cosine", which falls over all '
        f"steps. Received: x of type {type(data).__name__}"
    )


def _schedule(optimizer):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)
    return schedule if isinstance(schedule, WarmupSchedule) else None
