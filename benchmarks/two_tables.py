"""Two tables, a step at a time: what `benchmarks.optimizers` compares.

Arguments: `ours` or `stock`, the optimizer, the rows of each table, the steps
of a round, and the steps of an execution.
"""

import os
import pathlib
import sys
import tempfile
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.rounds import play_rounds  # noqa: E402
from o2v_keras import optimizers  # noqa: E402
from o2v_keras.layers.token_embedding import TokenEmbedding  # noqa: E402
from o2v_keras.training.weight_files import write_keras_file  # noqa: E402

WIDTH = 64
BATCH_SIZE = 1024


def _build(library, optimizer, rows, at_once):
    """Scores a pair by the product of two rows."""
    if library == "ours":
        table = TokenEmbedding
        optimizer = getattr(optimizers, f"RowSparse{optimizer}")
    else:
        table = keras.layers.Embedding
        optimizer = getattr(keras.optimizers, optimizer)
    inputs = [keras.Input((1,), dtype="int64") for _ in range(2)]
    vectors = [keras.layers.Flatten()(table(rows, WIDTH)(i)) for i in inputs]
    model = keras.Model(inputs, keras.layers.Dot(1)(vectors))
    model.compile(
        optimizer(0.001),
        loss="mse",
        steps_per_execution=at_once,
        jit_compile=False,
    )
    return model


def _batches(rows, steps):
    generator = np.random.default_rng(0)
    ids = generator.integers(1, rows, (2, steps, BATCH_SIZE, 1))
    scores = generator.random((steps, BATCH_SIZE), np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(((ids[0], ids[1]), scores))
    return dataset.prefetch(tf.data.AUTOTUNE)


class _Clock(keras.callbacks.Callback):
    """Takes the time, and the peak of memory, from the first call on."""

    def on_train_begin(self, logs=None):
        self.steps = 0
        self._first = None

    def on_train_batch_end(self, batch, logs=None):
        if self._first is None:
            self._first = batch
            self._began = time.perf_counter()
            forget_peak()
        self.steps = batch - self._first

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self._began


def forget_peak():
    """Makes `peak` count from now on."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Returns the most memory this process has held, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no line VmHWM.")


def _save(library, model):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        if library == "ours":
            write_keras_file(model, path)
        else:
            model.save(path)


def main(library, optimizer, rows, steps, at_once):
    """Builds the model and plays rounds; the first one tells of memory."""
    rows, steps, at_once = int(rows), int(steps), int(at_once)
    dataset = _batches(rows, at_once + steps)
    before = psutil.Process().memory_info().rss
    forget_peak()
    model = _build(library, optimizer, rows, at_once)
    memory = {"build": peak() - before}
    clock = _Clock()

    def play():
        model.fit(dataset, callbacks=[clock], shuffle=False, verbose=0)
        if "steps" not in memory:
            memory["steps"] = peak() - before
            forget_peak()
            _save(library, model)
            memory["save"] = peak() - before
        return {
            "amount": clock.steps,
            "seconds": clock.seconds,
            "memory": memory,
        }

    play_rounds(play)


if __name__ == "__main__":
    main(*sys.argv[1:])
