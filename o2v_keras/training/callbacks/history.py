"""The history of all epochs, and the epoch's number in the model."""

import csv
import os
import time

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.storage.replace import replaced_file


class EpochHistory(keras.callbacks.Callback):
    """Keeps `history.csv` in step with training, a line an epoch.

    A line is on the disk when the epoch ends, so that a run that is killed
    leaves all of its finished epochs; a resumed run rewrites the file from
    its checkpoint and goes on. Epochs count from 0.

    Args:
        path: File to write, or `None` to keep the metrics in memory only.
        rows_per_batch: Mean training rows of a batch; gives the column
            `examples_per_second`, validation not counted.

    Attributes:
        epochs: list of dict. One for each finished epoch, `epoch` first.
    """

    def __init__(self, path: str | os.PathLike | None, rows_per_batch: float):
        super().__init__()
        self._path = path
        self._rows_per_batch = rows_per_batch
        self.epochs: list[dict[str, float]] = []

    def resume(self, epochs: list[dict[str, float]]):
        """Goes on after these epochs."""
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
        """Returns what `Model.fit` would have returned for all epochs."""
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
    """Sets `PairBatches.epoch`, so that an epoch's rows follow its number.

    Keras opens iterators it never plays (to build a distributed model, after
    an epoch's last step), so counting passes would not do.

    Args:
        batches: `PairBatches` that `fit` plays.
    """

    def __init__(self, batches: PairBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.epoch = epoch
