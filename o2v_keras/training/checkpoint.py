"""The checkpoint file, from which a killed training resumes."""

import os
import pathlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from o2v_keras.storage.damage import DamagedFileError
from o2v_keras.training.weight_files import ArrayFile
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_arrays


class Checkpoint:
    """The state of a training between two batches.

    It has three groups of arrays: `model`, all `model.variables` with the
    seed states of dropout layers (which Keras does not save); `optimizer`,
    all optimizer variables; `metrics`, the metrics' variables, empty between
    epochs.

    Args:
        path: A file that `write_checkpoint` wrote.

    Attributes:
        path: The file.
        epoch: int. The epoch to continue, counted from 0.
        batch: int. Number of its finished batches.
        state: JSON dict: history, early stopping, identity of the training.

    Raises:
        DamagedFileError: If the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)
        self._file = ArrayFile(path)
        self.epoch = self._file.header["epoch"]
        self.batch = self._file.header["batch"]
        self.state = self._file.header["state"]

    def arrays(self, group: str) -> list[np.ndarray]:
        """Returns the arrays of a group."""
        return self._file.arrays(group)

    def assign(self, group: str, variables: list[keras.Variable]):
        """Assigns the arrays of a group to variables in the same order.

        Raises:
            ValueError: If number or shapes differ.
        """
        self._file.assign(group, variables)


def read_whole_checkpoint(
    path: pathlib.Path,
    earlier: pathlib.Path,
    best_weights: BestWeightsFiles,
) -> tuple[Checkpoint, str | None]:
    """Reads a checkpoint, or the previous one if it is damaged.

    A checkpoint is useless, too, if its best epoch's weights are damaged.

    Args:
        path: The checkpoint.
        earlier: The previous one, which may be missing.
        best_weights: Files of the best epochs' weights.

    Returns:
        The checkpoint, and a sentence why it is the previous one, or `None`.

    Raises:
        DamagedFileError: If both are damaged.
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
    path: str | os.PathLike[str],
    epoch: int,
    batch: int,
    state: dict[str, Any],
    *,
    model: Iterable[keras.Variable],
    optimizer: Iterable[keras.Variable],
    metrics: Iterable[keras.Variable],
    earlier: str | os.PathLike[str] | None = None,
):
    """Writes a checkpoint atomically.

    Args:
        path: File to write or replace.
        epoch: The epoch to continue, counted from 0.
        batch: Number of its finished batches.
        state: JSON dict.
        model: The model's variables.
        optimizer: The optimizer's variables.
        metrics: The metrics' variables.
        earlier: Path to move the old checkpoint to. Defaults to `None`: it is
            deleted.
    """
    header = {"epoch": epoch, "batch": batch, "state": state}
    groups = {"model": model, "optimizer": optimizer, "metrics": metrics}
    write_arrays(path, header, earlier, **groups)
