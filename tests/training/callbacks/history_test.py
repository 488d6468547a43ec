import csv
import types

import keras
import numpy as np
import pytest

from o2v_keras.training.callbacks import history
from o2v_keras.training.callbacks.history import EpochHistory
from o2v_keras.training.callbacks.history import EpochSetter


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""

    class Clock:
        now = 100.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(history, "time", clock)
    return clock


def play(history, clock, epoch, batches=4, validation=True):
    """Plays an epoch of 2 seconds with a validation of 3 seconds."""
    history.set_params({"steps": batches})
    history.on_epoch_begin(epoch)
    clock.now += 2
    logs = {"loss": 1.5 - epoch}
    if validation:
        history.on_test_begin()
        clock.now += 3
        logs["val_loss"] = 2.0
    history.on_epoch_end(epoch, logs)


def lines(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_an_epoch_is_on_the_disk_when_it_ends(tmp_path, clock):
    path = tmp_path / "history.csv"
    history = EpochHistory(path, rows_per_batch=3.5)
    for epoch in range(2):
        play(history, clock, epoch)
        assert len(lines(path)) == epoch + 1
    assert lines(path)[1] == {
        "epoch": "1",
        "loss": "0.5",
        "val_loss": "2.0",
        "seconds": "5.0",
        "examples_per_second": "7.0",
    }
    assert [file.name for file in tmp_path.iterdir()] == ["history.csv"]


def test_speed_needs_no_validation(tmp_path, clock):
    history = EpochHistory(tmp_path / "h.csv", rows_per_batch=3.5)
    play(history, clock, 0, validation=False)
    assert history.epochs[0]["examples_per_second"] == 7
    assert history.epochs[0]["seconds"] == 2


def test_goes_on_after_the_epochs_of_a_checkpoint(tmp_path, clock):
    path = tmp_path / "history.csv"
    killed = EpochHistory(path, rows_per_batch=3.5)
    for epoch in range(3):
        play(killed, clock, epoch)
    resumed = EpochHistory(path, rows_per_batch=3.5)
    resumed.resume(killed.epochs[:1])
    assert [line["epoch"] for line in lines(path)] == ["0"]
    play(resumed, clock, 1)
    assert [line["epoch"] for line in lines(path)] == ["0", "1"]
    assert resumed.epochs == killed.epochs[:2]


def test_becomes_a_keras_history(tmp_path, clock):
    history = EpochHistory(tmp_path / "h.csv", rows_per_batch=3.5)
    for epoch in range(2):
        play(history, clock, epoch)
    keras_history = history.as_keras_history()
    assert keras_history.epoch == [0, 1]
    assert keras_history.history == {
        "loss": [1.5, 0.5],
        "val_loss": [2.0, 2.0],
        "seconds": [5.0, 5.0],
        "examples_per_second": [7.0, 7.0],
    }


def test_names_each_epoch_before_it_is_played():
    batches = types.SimpleNamespace(epoch=None)
    played = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: played.append(batches.epoch)
    )
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(
        np.ones((4, 2)),
        np.ones((4, 1)),
        batch_size=2,
        initial_epoch=3,
        epochs=5,
        callbacks=[EpochSetter(batches), keep],
        verbose=0,
    )
    assert played == [3, 3, 4, 4]
