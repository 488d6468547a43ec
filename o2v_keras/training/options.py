"""The options of a training besides data and hyperparameters."""

import dataclasses
import numbers
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from o2v_keras.models.steps_at_once import STEPS_PER_EXECUTION


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of `train`.

    Args:
        shard_by: `"row"` or `"file"`. Defaults to `"row"`.
        resume: Whether to continue from the checkpoint. Defaults to `False`.
        overwrite: Whether to replace an earlier training. Defaults to
            `False`.
        initial_model: Path of a model to start from. Defaults to `None`.
        new_ids: Side -> first id to train. Defaults to `None`: all weights
            are trained.
        auxiliary: Folder of vocabulary and vector files. Defaults to `None`.
        checkpoint_minutes: Minutes between checkpoints within an epoch.
            Defaults to `None`: none.
        steps_per_execution: Steps between two calls of the callbacks.
            Defaults to `None`: see `steps_on`.
        stream_rows: Rows of a block of streamed data. Defaults to `None`.
        callbacks: Keras callbacks of the user. Defaults to `()`.
        monitor: Name of the metric for early stopping. Defaults to `None`:
            the training loss.
        monitor_mode: `"min"` or `"max"`. Defaults to `"min"`.
        chooser: Report of the training that chose the number of epochs with
            rows held out; this one trains on all rows for as many. Defaults
            to `None`.
        verbose: 0 or 1. Defaults to `1`.

    Raises:
        ValueError: If an option is invalid, or two exclude each other.

    Example:
    >>> TrainingOptions(resume=True).steps_on(replicas=1)
    10
    """

    shard_by: str = "row"
    resume: bool = False
    overwrite: bool = False
    initial_model: str | os.PathLike[str] | None = None
    new_ids: Mapping[str, int] | None = None
    auxiliary: str | os.PathLike[str] | None = None
    checkpoint_minutes: float | None = None
    steps_per_execution: int | None = None
    stream_rows: int | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    monitor: str | None = None
    monitor_mode: str = "min"
    chooser: dict[str, Any] | None = None
    verbose: int = 1

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ValueError(
                "`resume` and `overwrite` must not be given both: one "
                "continues a training, the other replaces it."
            )
        _check_minutes(self.checkpoint_minutes)
        _check_steps(self.steps_per_execution)

    def steps_on(self, replicas: int) -> int:
        """Returns the steps between two calls of the callbacks.

        Defaults to 10, and to 1 on several replicas, where Keras fails with
        more.
        """
        if self.steps_per_execution is not None:
            return self.steps_per_execution
        return 1 if replicas > 1 else STEPS_PER_EXECUTION

    def say(self, text: object) -> None:
        """Prints a line, if `verbose`."""
        if self.verbose:
            print(text)


def default_monitor(output_layer: str | None) -> str:
    """Returns the validation metric that early stopping monitors by default.

    Args:
        output_layer: The hyperparameter; `None` is its default.

    Example:
    >>> default_monitor("softmax"), default_monitor("cosent")
    ('val_loss', 'val_spearman')
    """
    # Its loss depends on the number of rows of a batch.
    return "val_spearman" if output_layer == "cosent" else "val_loss"


def _check_minutes(minutes):
    is_number = isinstance(minutes, numbers.Real)
    if minutes is not None and not (is_number and float(minutes) >= 0):
        raise ValueError(
            "`checkpoint_minutes` must be a number of at least 0. "
            f"Received: checkpoint_minutes={minutes!r}"
        )


def _check_steps(steps):
    is_integer = isinstance(steps, int) and not isinstance(steps, bool)
    if steps is not None and not (is_integer and steps >= 1):
        raise ValueError(
            "`steps_per_execution` must be an integer of at least 1. "
            f"Received: steps_per_execution={steps!r}"
        )
