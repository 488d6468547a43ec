import keras
import pytest

from o2v_keras.training.callbacks.early_stopping import NonFiniteLossError
from o2v_keras.training.callbacks.early_stopping import StopOnNonFiniteLoss

NAN, INFINITE = float("nan"), float("inf")


def start(epoch=4):
    callback = StopOnNonFiniteLoss(learning_rate=0.25)
    callback.set_model(keras.Sequential([keras.Input((1,))]))
    callback.on_epoch_begin(epoch)
    return callback


@pytest.mark.parametrize(
    ("play", "text"),
    [
        pytest.param(
            lambda c: c.on_train_batch_end(7, {"loss": NAN}),
            r"became nan in epoch 4 \(by batch 7\) at learning_rate=0.25. Try",
            id="batch",
        ),
        pytest.param(
            lambda c: c.on_epoch_end(4, {"loss": INFINITE, "val_loss": 1.0}),
            "became inf in epoch 4 at learning_rate=0.25. Try",
            id="epoch",
        ),
        pytest.param(
            lambda c: c.on_epoch_end(4, {"loss": 1.0, "val_loss": -INFINITE}),
            r"became -inf in epoch 4 \(validation\) at",
            id="validation",
        ),
    ],
)
def test_stops_and_says_where_and_what_to_try(play, text):
    with pytest.raises(NonFiniteLossError, match=text) as raised:
        play(start())
    assert isinstance(raised.value, ValueError)
    assert "learning rate ten times smaller" in str(raised.value)


def test_stops_at_weights_that_the_last_step_broke():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    callback = StopOnNonFiniteLoss(learning_rate=0.25)
    callback.set_model(model)
    callback.on_epoch_end(3, {"loss": 1.0})
    model.layers[0].kernel.assign([[1.0, NAN]])
    text = "kernel became nan in the last step of epoch 3, though its"
    with pytest.raises(NonFiniteLossError, match=text):
        callback.on_epoch_end(3, {"loss": 1.0})


def test_lets_numbers_pass():
    callback = start()
    callback.on_train_batch_end(0, {"loss": 1e30})
    callback.on_epoch_end(4, {"loss": 1e30, "val_loss": 0.0})
    callback.on_epoch_end(5, {"loss": 0.5})
