"""Chooses how many steps `fit` runs per TensorFlow call."""

from collections.abc import Mapping
from typing import Any

import keras

# A call costs a small model as much processor time as a step. On MovieLens with
# batches of 64, 10 took 14 % less time than 1, and 50 another 8 % less; but
# callbacks and checkpoints wait longer.
STEPS_PER_EXECUTION = 10
_BATCH_METHODS = [
    f"on_{part}batch_{moment}"
    for part in ("", "train_", "test_")
    for moment in ("begin", "end")
]


class StepsOfFit(int):
    """Steps per execution that the user has not set.

    A type and no flag of the model: Keras does not run the setter of an
    attribute for the value that it has.

    Example:
    >>> StepsOfFit(10)
    10
    """


def steps_at_once(
    model: keras.Model, arguments: Mapping[str, Any]
) -> StepsOfFit:
    """Returns 10, or 1 where that would change more than speed.

    That is on several devices, with `run_eagerly`, with callbacks that have
    methods for batches, and if 10 does not divide a number of steps.

    Args:
        model: The compiled model.
        arguments: Arguments of `Model.fit`.

    Example:
    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> steps_at_once(model, {"callbacks": keras.callbacks.History()})
    10
    >>> steps_at_once(model, {"callbacks": keras.callbacks.TerminateOnNaN()})
    1
    """
    callbacks = keras.tree.flatten(arguments.get("callbacks") or [])
    # Keras takes whole executions, and so would take more steps.
    limits = [
        arguments.get(name) or 0
        for name in ("steps_per_epoch", "validation_steps")
    ]
    one = (
        model.run_eagerly
        or model.distribute_strategy.num_replicas_in_sync > 1
        or any(limit % STEPS_PER_EXECUTION for limit in limits)
        or any(map(_sees_batches, callbacks))
    )
    return StepsOfFit(1 if one else STEPS_PER_EXECUTION)


def _sees_batches(callback):
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in _BATCH_METHODS
    )
