"""Rounds of `model.fit`, whoever's model and batches they are."""

import json
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.rounds import play_rounds

# Steps of a round before its clock starts: a new pass over the data begins,
# buffers fill.
WARM_UP = 10


def read_setup(folder: pathlib.Path) -> dict:
    """Returns what `Setup.write` left."""
    return json.loads((folder / "setup.json").read_text())


def read_pairs(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the columns of a file of pairs."""
    with np.load(path) as columns:
        return dict(columns)


def fit_in_rounds(
    model: keras.Model, dataset: tf.data.Dataset, steps: int
) -> None:
    """Trains on the first batches of a dataset, round after round.

    A round tells pairs as `amount` and the seconds from the end of its
    warm-up to its end; what comes before and after, once an epoch, is a
    matter of the corpus' size.

    Args:
        model: Compiled.
        dataset: Batches `(inputs, labels)`, the same in every pass or all of
            one size.
        steps: Timed batches of a round.
    """
    dataset = dataset.take(WARM_UP + steps)
    sizes = np.array([len(labels) for _, labels in dataset])
    clock = _Clock()

    def play():
        model.fit(dataset, callbacks=[clock], shuffle=False, verbose=0)
        amount = int(sizes[clock.first_timed :].sum())
        return {"amount": amount, "seconds": clock.seconds}

    play_rounds(play)


class _Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.first_timed = None

    def on_train_batch_end(self, batch, logs=None):
        # With several steps an execution, `batch` is the last of them.
        if self.first_timed is None and batch + 1 >= WARM_UP:
            self.first_timed = batch + 1
            self._began = time.perf_counter()

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self._began
