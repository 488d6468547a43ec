"""What training shows while it runs."""

import sys
import time

import keras


class Progress(keras.callbacks.Callback):
    """A bar with metrics and examples per second.

    Where the output is neither a terminal nor a notebook, a line an epoch.

    Args:
        num_batches: Batches of an epoch.
        rows_per_batch: Rows of a full batch.
    """

    def __init__(self, num_batches: int, rows_per_batch: int):
        super().__init__()
        self._num_batches = num_batches
        self._rows_per_batch = rows_per_batch
        self._has_bar = sys.stdout.isatty() or "ipykernel" in sys.modules
        self._first_batch = 0

    def resume(self, batch: int):
        """Lets the next epoch begin at `batch`."""
        self._first_batch = batch

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()
        if self._has_bar:
            print(f"Epoch {epoch}")
            self._bar = keras.utils.Progbar(
                self._num_batches, stateless_metrics=(), unit_name="batch"
            )

    def on_train_batch_end(self, batch, logs=None):
        if self._has_bar:
            # Of several steps at once Keras gives the number that the last
            # would have in an epoch that they divide.
            left = self._num_batches - self._first_batch
            played = min(batch + 1, left)
            seconds = time.perf_counter() - self._began
            speed = played * self._rows_per_batch / seconds
            metrics = [*logs.items(), ("examples/s", speed)]
            seen = self._first_batch + played
            self._bar.update(seen, metrics, finalize=False)

    def on_epoch_end(self, epoch, logs=None):
        self._first_batch = 0
        if self._has_bar:
            metrics = list(logs.items())
            self._bar.update(self._num_batches, metrics, finalize=True)
            return
        seconds = time.perf_counter() - self._began
        metrics = "  ".join(f"{k} {float(v):.4f}" for k, v in logs.items())
        print(f"epoch {epoch}: {metrics}  ({seconds:.1f} s)", flush=True)
