import types

import keras
import numpy as np

from o2v_keras.training.epoch_setter import EpochSetter


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
