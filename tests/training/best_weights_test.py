import keras
import numpy as np
import pytest

from o2v_keras.training.best_weights import BestWeightsFiles


def make_model():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(1)(inputs))


def test_gives_back_what_an_epoch_kept(tmp_path):
    model, files = make_model(), BestWeightsFiles(tmp_path)
    kept = {}
    for epoch in (1, 3):
        model.set_weights([np.full((2, 1), epoch), np.full(1, -epoch)])
        files.keep(model, epoch)
        kept[epoch] = model.get_weights()
    for epoch in (1, 3):
        files.restore(model, epoch)
        for weight, expected in zip(
            model.get_weights(), kept[epoch], strict=True
        ):
            np.testing.assert_array_equal(weight, expected)


def test_forgets_all_but_one(tmp_path):
    model, files = make_model(), BestWeightsFiles(tmp_path)
    for epoch in range(3):
        files.keep(model, epoch)
    files.forget_others(1)
    assert [file.name for file in tmp_path.iterdir()] == ["best_weights.1.zip"]
    files.forget_others(None)
    assert list(tmp_path.iterdir()) == []


def test_says_that_workers_share_the_folder(tmp_path):
    message = "best_weights.2.zip, but there is no .* that all workers share"
    with pytest.raises(ValueError, match=message):
        BestWeightsFiles(tmp_path).restore(make_model(), 2)
