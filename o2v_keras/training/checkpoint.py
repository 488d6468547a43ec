"""One file that holds all a killed training needs to go on."""

import os
import pathlib
from collections.abc import Iterable

import keras
import numpy as np

from o2v_keras.storage.damage import DamagedFileError
from o2v_keras.training.weight_files import ArrayFile
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_arrays


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
        path: The file.
        epoch: The epoch to go on with, counted from 0.
        batch: Batches of it already played.
        state: JSON values: history, early stopping, what was trained on.

    Raises:
        DamagedFileError: If the file is not as it was written.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
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


def read_whole_checkpoint(
    path: pathlib.Path,
    earlier: pathlib.Path,
    best_weights: BestWeightsFiles,
) -> tuple[Checkpoint, str | None]:
    """Reads a checkpoint, or the one before it where it is damaged.

    A checkpoint whose best epoch's weights are damaged is of no more use than
    one that is damaged itself.

    Args:
        path: The checkpoint.
        earlier: The one before it; need not exist.
        best_weights: Files of the best epochs' weights.

    Returns:
        The checkpoint, and why it is the earlier one: a sentence, or `None`.

    Raises:
        DamagedFileError: If neither is whole.
    """
    try:
        if path.exists():
            return _read(path, best_weights), None
        reason = f"{path} is missing."
    except DamagedFileError as error:
        if not earlier.exists():
            raise
        reason = str(error).partition("). ")[0] + ")."
    return _read(earlier, best_weights), reason


def _read(path, best_weights):
    checkpoint = Checkpoint(path)
    best_epoch = checkpoint.state["early_stopping"].get("best_epoch")
    if best_epoch is not None and best_weights.path(best_epoch).exists():
        ArrayFile(best_weights.path(best_epoch))
    return checkpoint


def write_checkpoint(
    path: str | os.PathLike,
    epoch: int,
    batch: int,
    state: dict,
    *,
    model: Iterable[keras.Variable],
    optimizer: Iterable[keras.Variable],
    metrics: Iterable[keras.Variable],
    earlier: str | os.PathLike | None = None,
):
    """Writes a checkpoint so that a reader sees the old one or the new one.

    Args:
        path: File to write or replace.
        epoch: Epoch that training goes on in.
        batch: Batches of it that are done.
        state: JSON values that are kept beside the arrays.
        model: The group's variables.
        optimizer: The group's variables.
        metrics: The group's variables.
        earlier: Where the old checkpoint is kept. Defaults to `None`: nowhere.
    """
    header = {"epoch": epoch, "batch": batch, "state": state}
    groups = {"model": model, "optimizer": optimizer, "metrics": metrics}
    write_arrays(path, header, earlier, **groups)
