"""What training shows while it runs."""

import functools
import sys
import time
from collections.abc import Callable

import keras

from o2v_keras.progress_lines import Interval


class TrainingLines(keras.callbacks.Callback):
    """A line about every ten seconds within an epoch, validation included.

    Args:
        what: Begins each line, such as `"trial 3, "`. Defaults to nothing.
        say: Prints a line. Defaults to `print`.
    """

    def __init__(self, what: str = "", say: Callable[[str], None] = print):
        super().__init__()
        self._what = what
        self._say = say
        self._first_batch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._began = time.perf_counter()
        self._interval = Interval()

    def on_train_batch_end(self, batch, logs=None):
        if self._interval.is_over():
            steps = self.params["steps"]
            # Of several steps at once Keras gives the number that the last
            # would have in an epoch that they divide.
            played = self._first_batch + min(batch + 1, steps)
            seconds = time.perf_counter() - self._began
            self._print(
                f"batch {played:,} of {self._first_batch + steps:,}"
                f"  {_words(logs or {})}  ({seconds:.0f} s)"
            )

    def on_test_batch_end(self, batch, logs=None):
        if self._interval.is_over():
            self._print(f"batch {batch + 1:,} of the validation data")

    def _print(self, text):
        self._say(f"{self._what}epoch {self._epoch}: {text}")


class Progress(TrainingLines):
    """A bar with metrics and examples per second.

    Where the output is neither a terminal nor a notebook, a line an epoch,
    and one about every ten seconds in between.

    Args:
        num_batches: Batches of an epoch.
        rows_per_batch: Rows of a full batch.
    """

    def __init__(self, num_batches: int, rows_per_batch: int):
        super().__init__(say=functools.partial(print, flush=True))
        self._num_batches = num_batches
        self._rows_per_batch = rows_per_batch
        self._has_bar = sys.stdout.isatty() or "ipykernel" in sys.modules

    def resume(self, batch: int):
        """Lets the next epoch begin at `batch`."""
        self._first_batch = batch

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self._has_bar:
            print(f"Epoch {epoch}")
            self._bar = keras.utils.Progbar(
                self._num_batches, stateless_metrics=(), unit_name="batch"
            )

    def on_train_batch_end(self, batch, logs=None):
        if not self._has_bar:
            super().on_train_batch_end(batch, logs)
            return
        left = self._num_batches - self._first_batch
        played = min(batch + 1, left)
        seconds = time.perf_counter() - self._began
        speed = played * self._rows_per_batch / seconds
        metrics = [*logs.items(), ("examples/s", speed)]
        seen = self._first_batch + played
        self._bar.update(seen, metrics, finalize=False)

    def on_test_batch_end(self, batch, logs=None):
        if not self._has_bar:
            super().on_test_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._first_batch = 0
        if self._has_bar:
            metrics = list(logs.items())
            self._bar.update(self._num_batches, metrics, finalize=True)
            return
        seconds = time.perf_counter() - self._began
        self._print(f"{_words(logs)}  ({seconds:.1f} s)")


def _words(logs):
    return "  ".join(f"{name} {float(v):.4f}" for name, v in logs.items())
