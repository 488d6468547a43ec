import os
import types

import keras
import pytest

from o2v_keras.models.averaged_weights import AveragedWeights
from o2v_keras.training.callbacks import checkpointing
from o2v_keras.training.callbacks.checkpointing import Checkpointing
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.weight_files import BestWeightsFiles


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(checkpointing, "time", clock)
    return clock


@pytest.fixture
def start(tmp_path):
    def start(minutes):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.build((None, 2))
        model.compile("sgd", "mse")
        callback = Checkpointing(
            tmp_path / "checkpoint.zip",
            tmp_path / "checkpoint.earlier.zip",
            {"seed": 1},
            types.SimpleNamespace(get_state=dict, best_epoch=4),
            types.SimpleNamespace(epochs=[{"loss": 0.5}]),
            BestWeightsFiles(tmp_path),
            AveragedWeights(),
            minutes,
        )
        callback.set_model(model)
        callback.set_params({"steps": 10})
        return callback

    return start


def play(callback, clock, epoch, seconds):
    """Plays ten batches; returns what was on the disk after each."""
    callback.on_epoch_begin(epoch)
    saved = []
    for batch in range(10):
        clock.now += seconds
        callback.on_train_batch_end(batch)
        if callback._path.exists():
            checkpoint = Checkpoint(callback._path)
            saved.append((checkpoint.epoch, checkpoint.batch))
    callback.on_epoch_end(epoch)
    checkpoint = Checkpoint(callback._path)
    assert (checkpoint.epoch, checkpoint.batch) == (epoch + 1, 0)
    return saved


def test_writes_after_epochs_only_by_default(start, clock):
    callback = start(minutes=None)
    assert play(callback, clock, epoch=0, seconds=1e9) == []
    assert play(callback, clock, epoch=1, seconds=1e9) == [(1, 0)] * 10


def test_writes_within_epochs_every_so_many_minutes(start, clock):
    callback = start(minutes=2)
    saved = play(callback, clock, epoch=0, seconds=30)
    assert saved == [(0, 4)] * 4 + [(0, 8)] * 3
    assert play(callback, clock, epoch=1, seconds=12) == [(1, 0)] * 10


def test_leaves_the_last_batch_to_the_end_of_the_epoch(start, clock):
    callback = start(minutes=0)
    assert play(callback, clock, epoch=0, seconds=1)[-1] == (0, 9)


def test_counts_the_last_of_several_steps_at_once(start, clock):
    callback = start(minutes=0)
    callback.on_epoch_begin(0)
    # Ten batches, four at a time: Keras calls the last of them number 11.
    for batch in (3, 7, 11):
        callback.on_train_batch_end(batch)
    assert Checkpoint(callback._path).batch == 8


def test_holds_what_it_was_given(start, clock):
    callback = start(minutes=None)
    play(callback, clock, epoch=0, seconds=1)
    checkpoint = Checkpoint(callback._path)
    assert checkpoint.state == {
        "identity": {"seed": 1},
        "early_stopping": {},
        "history": [{"loss": 0.5}],
    }
    assert checkpoint.arrays("metrics") == []


def test_removes_best_weights_that_nothing_needs(start, clock, tmp_path):
    callback = start(minutes=None)
    for epoch in (2, 3, 4):
        BestWeightsFiles(tmp_path).keep(callback.model, epoch)
    callback._early_stopping.best_epoch = 3
    play(callback, clock, epoch=4, seconds=1)
    assert "best_weights.2.zip" not in os.listdir(tmp_path)
    BestWeightsFiles(tmp_path).keep(callback.model, 4)
    callback._early_stopping.best_epoch = 4
    play(callback, clock, epoch=5, seconds=1)
    # The checkpoint before the last one needs those of epoch 3.
    checkpoints = ["checkpoint.earlier.zip", "checkpoint.zip"]
    best = ["best_weights.3.zip", "best_weights.4.zip"]
    assert sorted(os.listdir(tmp_path)) == [*best, *checkpoints]
    play(callback, clock, epoch=6, seconds=1)
    assert sorted(os.listdir(tmp_path)) == [*best[1:], *checkpoints]


def test_the_checkpoint_gone_on_from_outlives_a_damaged_one(
    start, clock, tmp_path
):
    callback = start(minutes=None)
    for epoch in (0, 1):
        play(callback, clock, epoch, seconds=1)
    earlier = tmp_path / "checkpoint.earlier.zip"
    (tmp_path / "checkpoint.zip").write_bytes(b"damaged")
    kept = earlier.read_bytes()
    resumed = start(minutes=None)
    resumed._early_stopping.resume = lambda state: None
    resumed._history.resume = lambda epochs: None
    resumed.resume(Checkpoint(earlier), None)
    resumed.on_epoch_end(1)
    assert earlier.read_bytes() == kept
    resumed.on_epoch_end(2)
    assert Checkpoint(earlier).epoch == 2


def test_only_the_chief_writes(start, clock, tmp_path, monkeypatch):
    asked = []

    def broadcast_from_chief(strategy, worker, answer):
        asked.append(answer)
        return True

    monkeypatch.setattr(
        checkpointing, "broadcast_from_chief", broadcast_from_chief
    )
    callback = start(minutes=1)
    callback._worker = Worker(1, ("a:1", "b:1"))
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(0, {})
    callback.on_epoch_end(0, {})
    assert asked == [False]
    assert list(tmp_path.iterdir()) == []
