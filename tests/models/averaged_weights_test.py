"""Averaged weights in `Object2Vec.fit`."""

import keras
import numpy as np
import pytest

from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.averaged_weights import AveragedWeights
from o2v_keras.models.object2vec import Object2Vec
from tests.training.small_training import make_config
from tests.training.small_training import make_source


class Weights(keras.callbacks.Callback):
    """Keeps the weights that are trained, and those that epochs end with."""

    def __init__(self):
        super().__init__()
        self.trained, self.shown, self.first = [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.first.append(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        self.trained.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.shown.append(self.model.get_weights())


def fit(model, callbacks, validation=True, **settings):
    config = model.config
    return model.fit(
        load_dataset(make_source(40), config),
        validation_data=(
            load_dataset(make_source(12, 1), config, training=False)
            if validation
            else None
        ),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
        **{"epochs": config.epochs, **settings},
    )


def assert_equal(weights, others, **tolerance):
    for values, expected in zip(weights, others, strict=True):
        np.testing.assert_allclose(values, expected, **tolerance)


@pytest.mark.parametrize(
    ("storage", "validation"),
    [
        pytest.param("dense", True, marks=pytest.mark.slow),
        ("dense", False),
        ("row_sparse", True),
        pytest.param("row_sparse", False, marks=pytest.mark.slow),
    ],
)
def test_epochs_end_with_averages_and_go_on_with_weights(storage, validation):
    config = make_config(
        weight_averaging="tail",
        weight_averaging_epochs=2,
        epochs=3,
        token_embedding_storage_type=storage,
    )
    model, seen = Object2Vec(config), Weights()
    history = fit(model, [seen], validation).history
    # Five batches an epoch, of which the last ten are averaged.
    expected = [
        seen.trained[4],
        [np.mean(w, 0) for w in zip(*seen.trained[5:10], strict=True)],
        [np.mean(w, 0) for w in zip(*seen.trained[5:15], strict=True)],
    ]
    for epoch in range(3):
        assert_equal(seen.shown[epoch], expected[epoch], rtol=1e-4, atol=1e-6)
    assert_equal(seen.first[1], seen.trained[4], rtol=0)
    assert_equal(seen.first[2], seen.trained[9], rtol=0)
    assert_equal(model.get_weights(), seen.shown[2], rtol=0)
    if validation:
        data = load_dataset(make_source(12, 1), config, training=False)
        loss, *_ = model.evaluate(data, verbose=0)
        assert history["val_loss"][2] == pytest.approx(loss, rel=1e-6)
        model.set_weights(seen.trained[-1])
        loss, *_ = model.evaluate(data, verbose=0)
        assert history["val_loss"][2] != pytest.approx(loss, rel=1e-3)


@pytest.mark.slow
def test_another_fit_goes_on_from_the_averages(tmp_path):
    config = make_config(weight_averaging="ema")
    model, seen = Object2Vec(config), Weights()
    fit(model, [])
    model.save(tmp_path / "model.keras")
    for fitted in (model, keras.models.load_model(tmp_path / "model.keras")):
        start = fitted.get_weights()
        fit(fitted, [seen], epochs=1)
        assert_equal(seen.first.pop(), start, rtol=0)
        optimizer = fitted.optimizer
        assert float(optimizer.average.kept(10, 11)) < 0.5
        assert not np.allclose(fitted.get_weights()[0], start[0])


def test_weights_can_be_set_aside():
    model = Object2Vec(make_config(weight_averaging="ema"))
    averages, seen = AveragedWeights(), Weights()
    fit(model, [averages, seen])
    shown = model.get_weights()
    with averages.set_aside():
        assert_equal(model.get_weights(), seen.trained[-1], rtol=0)
    assert_equal(model.get_weights(), shown, rtol=0)
    assert not np.allclose(shown[0], seen.trained[-1][0])


def test_a_cosine_and_a_tail_need_the_number_of_steps():
    config = make_config(weight_averaging="tail")
    data = load_dataset(make_source(16), config)
    unknown = data.filter(lambda *_: True)
    with pytest.raises(ValueError, match='steps_per_epoch.*"tail"'):
        Object2Vec(config).fit(unknown, epochs=1, verbose=0)
