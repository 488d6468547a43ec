"""Tells a learning rate's schedule how many steps a training has."""

import math
from collections.abc import Mapping

import keras

from o2v_keras.optimizers import WarmupSchedule


def needs_steps(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate falls over steps of unknown number.

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
    """Has the learning rate fall to 0 over this many steps.

    A schedule that knows its steps, or needs none, stays as it is.
    """
    if needs_steps(optimizer):
        _schedule(optimizer).total_steps = total_steps


def steps_per_epoch(arguments: Mapping[str, object]) -> int:
    """Returns the steps of an epoch, of the arguments of `Model.fit`.

    Raises:
        ValueError: If they are unknown before the first epoch has ended.

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
        'length beside learning_rate_schedule="cosine", which falls over all '
        f"steps. Received: x of type {type(data).__name__}"
    )


def _schedule(optimizer):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)
    return schedule if isinstance(schedule, WarmupSchedule) else None
