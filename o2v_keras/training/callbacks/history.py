"""Callbacks that write the history and set the epoch of batches."""

import csv
import os
import time

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.storage.replace import replaced_file


class EpochHistory(keras.callbacks.Callback):
    """Writes the metrics of every epoch to `history.csv`, a line per epoch.

    The file is written at the end of every epoch, so a killed run leaves all
    finished epochs; a resumed run rewrites it from its checkpoint. Epochs
    count from 0.

    Args:
        path: File to write. `None` keeps the metrics in memory only.
        rows_per_batch: float. Mean number of training rows in a batch, for
            the column `examples_per_second`, which excludes validation.

    Attributes:
        epochs: list of dict. The metrics of each finished epoch, with the key
            `epoch` first.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, rows_per_batch: float
    ):
        super().__init__()
        self._path = path
        self._rows_per_batch = rows_per_batch
        self.epochs: list[dict[str, float]] = []

    def resume(self, epochs: list[dict[str, float]]):
        """Continues after these epochs."""
        self.epochs = list(epochs)
        self._write()

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()
        self._training_seconds = None

    def on_test_begin(self, logs=None):
        self._training_seconds = time.perf_counter() - self._began

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._began
        training_seconds = self._training_seconds or seconds
        examples = self.params["steps"] * self._rows_per_batch
        metrics = {name: float(value) for name, value in logs.items()}
        self.epochs.append(
            {
                "epoch": epoch,
                **metrics,
                "seconds": round(seconds, 3),
                "examples_per_second": round(examples / training_seconds, 1),
            }
        )
        self._write()

    def as_keras_history(self) -> keras.callbacks.History:
        """Returns all epochs as the result of `Model.fit`."""
        history = keras.callbacks.History()
        history.epoch = [epoch["epoch"] for epoch in self.epochs]
        names = [n for n in self.epochs[0] if n != "epoch"]
        history.history = {
            name: [epoch[name] for epoch in self.epochs] for name in names
        }
        return history

    def _write(self):
        if not self.epochs or self._path is None:
            return
        with (
            replaced_file(self._path) as new,
            open(new, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(self.epochs[0]))
            writer.writeheader()
            writer.writerows(self.epochs)


class EpochSetter(keras.callbacks.Callback):
    """Sets `PairBatches.epoch`, which determines an epoch's rows.

    Counting iterators would be wrong: Keras opens some that it never reads,
    to build a distributed model and after an epoch's last step.

    Args:
        batches: The `PairBatches` of the training data.
    """

    def __init__(self, batches: PairBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.epoch = epoch
