"""One file that holds all a killed training needs to go on."""

import dataclasses
import json
import os
import zipfile
from collections.abc import Iterable

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """State of a training between two batches.

    Args:
        epoch: The epoch to go on with, counted from 0.
        batch: Batches of it already played.
        state: JSON values: history, early stopping, what was trained on.
        model: Values of every `model.variables`, the dropout layers' seed
            states among them (Keras's own savers leave those out).
        optimizer: Values of every optimizer variable.
        metrics: Values of the metric accumulators; empty between epochs.
        best: Values of `model.weights` in the best epoch; empty before one
            has ended.
    """

    epoch: int
    batch: int
    state: dict
    model: list[np.ndarray]
    optimizer: list[np.ndarray]
    metrics: list[np.ndarray]
    best: list[np.ndarray]


_ARRAYS = ("model", "optimizer", "metrics", "best")


def write_checkpoint(
    path: str | os.PathLike,
    epoch: int,
    batch: int,
    state: dict,
    **arrays: Iterable,
):
    """Writes a checkpoint so that a reader sees the old one or the new one.

    Arrays are taken from their iterables and written one at a time.

    Args:
        path: File to write or replace.
        epoch: As in `Checkpoint`.
        batch: As in `Checkpoint`.
        state: As in `Checkpoint`.
        **arrays: `model`, `optimizer`, `metrics` and `best`, each an iterable
            of variables or arrays.
    """
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            header = {"epoch": epoch, "batch": batch, "state": state}
            archive.writestr("header.json", json.dumps(header))
            for group in _ARRAYS:
                for number, value in enumerate(arrays[group]):
                    name = f"{group}/{number}.npy"
                    with archive.open(name, "w", force_zip64=True) as entry:
                        array = keras.ops.convert_to_numpy(value)
                        np.lib.format.write_array(entry, array)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """Reads what `write_checkpoint` wrote.

    Raises:
        ValueError: If the file is not a whole checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive)
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no whole checkpoint ({error}). Put a copy "
            "back, or train anew with `--overwrite` (`overwrite=True`)."
        ) from error


def _read_archive(archive):
    header = json.loads(archive.read("header.json"))
    groups = {group: [] for group in _ARRAYS}
    for name in archive.namelist()[1:]:
        with archive.open(name) as entry:
            array = np.lib.format.read_array(entry)
            groups[name.split("/")[0]].append(array)
    return Checkpoint(**header, **groups)


def assign_all(variables: list, values: list[np.ndarray], what: str):
    """Assigns saved values to variables in the same order.

    Raises:
        ValueError: If number or shapes differ.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    saved = [value.shape for value in values]
    if shapes != saved:
        raise ValueError(
            f"The saved {what} must fit the model being trained, but was "
            f"made for another one. Received shapes {saved}, expected "
            f"{shapes}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
