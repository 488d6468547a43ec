import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers import table_rows
from o2v_keras.training.weight_files import ArrayFile
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_arrays


@pytest.fixture(params=["one_device", "two_replicas"])
def strategy(request):
    if request.param == "one_device":
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def test_large_variables_pass_part_by_part(tmp_path, monkeypatch, strategy):
    monkeypatch.setattr(table_rows, "_PART_BYTES", 3 * 5 * 4)
    values = np.arange(50, dtype="float32").reshape(10, 5)
    with strategy.scope():
        saved = keras.Variable(values)
        loaded = keras.Variable(np.zeros((10, 5)))
    write_arrays(tmp_path / "a.zip", {}, tables=[saved])
    file = ArrayFile(tmp_path / "a.zip")
    np.testing.assert_array_equal(file.arrays("tables")[0], values)
    file.assign("tables", [loaded])
    for copy in table_rows.local_copies(loaded):
        np.testing.assert_array_equal(copy, values)


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
