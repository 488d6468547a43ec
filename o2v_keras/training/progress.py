"""What training shows while it runs."""

import functools
import time
from collections.abc import Callable

import keras

from o2v_keras.progress import Progress


class TrainingProgress(keras.callbacks.Callback):
    """`Progress` of each epoch and its validation; a line of metrics after it.

    Args:
        rows_per_batch: Rows of a full batch.
        what: Begins each line, such as `"trial 3, "`. Defaults to nothing.
        say: Prints a line. Defaults to `None`: `print`.
        epoch_lines: Whether to print the metrics of a finished epoch.
            Defaults to `True`.
    """

    def __init__(
        self,
        rows_per_batch: int,
        what: str = "",
        say: Callable[[str], None] | None = None,
        epoch_lines: bool = True,
    ):
        super().__init__()
        self._rows_per_batch = rows_per_batch
        self._what = what
        self._say = say or functools.partial(print, flush=True)
        self._epoch_lines = epoch_lines
        self._first_batch = 0
        self._progress = None

    def resume(self, batch: int):
        """Lets the next epoch begin at `batch`."""
        self._first_batch = batch

    def close(self):
        """Removes the bar of an epoch that has failed."""
        if self._progress:
            self._progress.close()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = f"{self._what}epoch {epoch}"
        self._began = time.perf_counter()
        self._show(
            self._epoch,
            self._first_batch + self.params["steps"],
            done=self._first_batch,
        )

    def on_train_batch_end(self, batch, logs=None):
        # Of several steps at once Keras gives the number that the last would
        # have in an epoch that they divide.
        played = min(batch + 1, self.params["steps"])
        seconds = time.perf_counter() - self._began
        speed = played * self._rows_per_batch / seconds
        self._progress.reach(
            self._first_batch + played,
            f"{speed:,.0f} examples/s  {_words(logs or {})}",
        )

    def on_test_begin(self, logs=None):
        self.close()
        self._show(f"{self._epoch}, validation")

    def on_test_batch_end(self, batch, logs=None):
        self._progress.reach(batch + 1)

    def on_test_end(self, logs=None):
        self.close()

    def on_epoch_end(self, epoch, logs=None):
        self.close()
        self._first_batch = 0
        if self._epoch_lines:
            seconds = time.perf_counter() - self._began
            words = _words(logs)
            self._say(f"{self._epoch}: {words}  ({seconds:.1f} s)")

    def _show(self, what, total=None, done=0):
        self._progress = Progress(
            what, total, "batches", done=done, verbose=1, say=self._say
        )


def _words(logs):
    return "  ".join(f"{name} {float(v):.4f}" for name, v in logs.items())
