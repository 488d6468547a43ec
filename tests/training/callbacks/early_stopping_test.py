import json

import keras
import numpy as np
import pytest

from o2v_keras.training.callbacks.early_stopping import EarlyStopping

# Printed by SageMaker's container, which stopped after the last one.
LOGGED_RUNS = {
    "wikipedia": (
        2,
        [0.2085, 0.1976, 0.2025, 0.1813, 0.1969, 0.1930, 0.1977],
        3,
    ),
    "movielens": (
        3,
        [
            0.9799,
            0.9860,
            0.9592,
            0.9522,
            0.9336,
            0.9319,
            0.9312,
            0.9281,
            0.9195,
        ],
        8,
    ),
}


class StubModel:
    """Weights that hold the number of the epoch."""

    stop_training = False

    def __init__(self):
        self.weights = [np.array([-1])]

    def get_weights(self):
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        self.weights = weights


def start(monitor="val_loss", **arguments):
    callback = EarlyStopping(monitor, **arguments)
    callback.set_model(StubModel())
    callback.on_train_begin()
    return callback


def play(callback, losses, first_epoch=0):
    """Plays epochs until the stop; returns the number played in all."""
    for epoch, loss in enumerate(losses, first_epoch):
        callback.model.set_weights([np.array([epoch])])
        callback.on_epoch_end(epoch, {"loss": -loss, "val_loss": loss})
        if callback.model.stop_training:
            return epoch + 1
    return None


@pytest.mark.parametrize(
    ("patience", "losses", "best"), LOGGED_RUNS.values(), ids=LOGGED_RUNS
)
def test_stops_where_the_logged_runs_did(patience, losses, best, capsys):
    callback = start(patience=patience, tolerance=0.01)
    assert play(callback, losses[:-1]) is None
    assert play(callback, losses[-1:], len(losses) - 1) == len(losses)
    assert callback.stopped
    assert (callback.best_epoch, callback.best_loss) == (best, min(losses))
    callback.on_train_end()
    assert callback.model.weights[0] == best
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("patience", [1, 2, 3, 5])
def test_stops_after_twice_the_patience_and_one_epoch_at_the_earliest(patience):
    callback = start(patience=patience)
    assert play(callback, [1.0] * 20) == 2 * patience + 1
    assert callback.best_epoch == 0


def test_improvement_must_exceed_the_tolerance():
    steps = np.arange(10, 0, -1) / 4
    assert play(start(patience=1, tolerance=0.25), steps) == 3
    assert play(start(patience=1, tolerance=0.2), steps) is None


def test_compares_with_the_last_epochs_only():
    # After the early minimum every epoch improves on the two before it.
    losses = [0.1, 2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4]
    callback = start(patience=2, tolerance=0.05)
    assert play(callback, losses) is None
    assert callback.best_epoch == 0


def test_one_good_epoch_forgives_the_bad_ones():
    losses = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1]
    assert play(start(patience=2, tolerance=0.01), losses) is None


def test_restores_the_best_weights_without_a_stop():
    callback = start(patience=3)
    assert play(callback, [3.0, 1.0, 2.0]) is None
    assert not callback.stopped
    callback.on_train_end()
    assert callback.model.weights[0] == 1


def test_keeps_the_last_epoch_where_nothing_is_monitored():
    callback = start(None, patience=1, tolerance=0.0)
    assert play(callback, [1.0, 0.9, 1.1, 1.2, 1.3]) is None
    callback.on_train_end()
    assert callback.model.weights[0] == 4
    assert callback.best_loss == -1.3


@pytest.mark.parametrize("killed_after", range(7))
def test_goes_on_from_its_state(killed_after):
    patience, losses, best = LOGGED_RUNS["wikipedia"]
    killed = start(patience=patience)
    play(killed, losses[:killed_after])
    state = json.loads(json.dumps(killed.get_state()))
    resumed = EarlyStopping(
        patience=patience, best_weights=killed._best_weights
    )
    resumed.set_model(StubModel())
    resumed.resume(state)
    resumed.on_train_begin()
    rest = losses[killed_after:] + [9.0]
    assert play(resumed, rest, killed_after) == len(losses)
    assert resumed.best_epoch == best
    resumed.on_train_end()
    assert resumed.model.weights[0] == best
    resumed.on_train_begin()
    assert resumed.best_epoch is None


def test_a_further_training_begins_anew():
    callback = start(patience=1)
    assert play(callback, [1.0] * 3) == 3
    callback.set_model(StubModel())
    callback.on_train_begin()
    assert not callback.stopped
    assert play(callback, [2.0] * 3) == 3
    assert callback.best_loss == 2


def test_stops_keras(capsys):
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False)])
    # Steps that are too long: the loss grows from epoch to epoch.
    model.compile(keras.optimizers.SGD(2.0), "mse")
    inputs = np.ones((4, 2))
    callback = EarlyStopping("loss", patience=1, verbose=1)
    weights = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()[0])
    )
    history = model.fit(
        inputs, inputs[:, :1], epochs=9, callbacks=[callback, keep], verbose=0
    )
    assert len(history.epoch) == 3
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    assert not np.array_equal(weights[2], weights[0])
    printed = capsys.readouterr().out
    assert "Bad epochs in a row: 2 (more than 1 stop)" in printed
    assert "Early stopping after epoch 2. Best epoch: 0, loss=" in printed


def test_names_the_metrics_there_are():
    callback = start("val_auc")
    message = "`monitor` must be one of loss, val_loss. .*monitor='val_auc'"
    with pytest.raises(ValueError, match=message):
        play(callback, [1.0])


@pytest.mark.parametrize("patience", [0, -1, 1.5, None])
def test_rejects_invalid_patience(patience):
    with pytest.raises(ValueError, match="`patience` must be an integer"):
        EarlyStopping(patience=patience)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan")])
def test_rejects_invalid_tolerance(tolerance):
    with pytest.raises(ValueError, match="`tolerance` must be at least 0"):
        EarlyStopping(tolerance=tolerance)


@pytest.mark.parametrize("run", LOGGED_RUNS)
def test_a_metric_that_rises_is_watched_upside_down(run):
    patience, losses, best = LOGGED_RUNS[run]
    falling = start(patience=patience)
    rising = start("loss", patience=patience, mode="max")
    assert play(rising, losses) == play(falling, losses)
    assert rising.best_epoch == best
    assert rising.get_state() == falling.get_state()


def test_rejects_another_mode():
    with pytest.raises(ValueError, match='`mode` must be "min" or "max"'):
        EarlyStopping(mode="auto")
