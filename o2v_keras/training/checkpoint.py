"""One file that holds all a killed training needs to go on."""

import os
from collections.abc import Iterable

import keras
import numpy as np

from o2v_keras.training.array_file import ArrayFile
from o2v_keras.training.array_file import write_arrays


class Checkpoint:
    """State of a training between two batches.

    Its arrays are three groups: `model`, the values of every
    `model.variables`, the dropout layers' seed states among them (Keras's own
    savers leave those out); `optimizer`, the values of every optimizer
    variable; `metrics`, the values of the metric accumulators, empty between
    epochs.

    Args:
        path: What `write_checkpoint` wrote.

    Attributes:
        epoch: The epoch to go on with, counted from 0.
        batch: Batches of it already played.
        state: JSON values: history, early stopping, what was trained on.

    Raises:
        ValueError: If the file is not a whole checkpoint.
    """

    def __init__(self, path: str | os.PathLike):
        self._file = ArrayFile(path)
        self.epoch = self._file.header["epoch"]
        self.batch = self._file.header["batch"]
        self.state = self._file.header["state"]

    def arrays(self, group: str) -> list[np.ndarray]:
        """Returns one group's values."""
        return self._file.arrays(group)

    def assign(self, group: str, variables: list[keras.Variable]):
        """Assigns one group's values to variables in the same order.

        Raises:
            ValueError: If number or shapes differ.
        """
        self._file.assign(group, variables)


def write_checkpoint(
    path: str | os.PathLike,
    epoch: int,
    batch: int,
    state: dict,
    *,
    model: Iterable[keras.Variable],
    optimizer: Iterable[keras.Variable],
    metrics: Iterable[keras.Variable],
):
    """Writes a checkpoint so that a reader sees the old one or the new one.

    Args:
        path: File to write or replace.
        epoch: As in `Checkpoint`.
        batch: As in `Checkpoint`.
        state: As in `Checkpoint`.
        model: The group's variables.
        optimizer: The group's variables.
        metrics: The group's variables.
    """
    header = {"epoch": epoch, "batch": batch, "state": state}
    groups = {"model": model, "optimizer": optimizer, "metrics": metrics}
    write_arrays(path, header, **groups)
