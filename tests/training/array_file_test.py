import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers import table_rows
from o2v_keras.training.array_file import ArrayFile
from o2v_keras.training.array_file import write_arrays


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
