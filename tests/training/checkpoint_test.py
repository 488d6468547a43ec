import keras
import numpy as np
import pytest

from o2v_keras.training.checkpoint import assign_all
from o2v_keras.training.checkpoint import read_checkpoint
from o2v_keras.training.checkpoint import write_checkpoint

ARRAYS = {
    # More than ten, so that names in their alphabetical order would not do.
    "model": [np.full((i % 3, 2), i, "float32") for i in range(12)],
    "optimizer": [np.array(7, "int64"), np.array([1, 2**32 - 1], "uint32")],
    "metrics": [],
    "best": [np.array([0.5], "float32")],
}
STATE = {"identity": {"seed": 1}, "history": [{"loss": 0.1}]}


def write(path, epoch, **changes):
    arrays = {**ARRAYS, **changes}
    write_checkpoint(path, epoch, batch=5, state=STATE, **arrays)


def test_reads_what_was_written(tmp_path):
    path = tmp_path / "checkpoint.zip"
    write(path, 3)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.epoch, checkpoint.batch) == (3, 5)
    assert checkpoint.state == STATE
    for group, arrays in ARRAYS.items():
        saved = getattr(checkpoint, group)
        assert len(saved) == len(arrays)
        for array, original in zip(saved, arrays, strict=True):
            assert array.dtype == original.dtype
            np.testing.assert_array_equal(array, original)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.zip"]


def test_takes_variables(tmp_path):
    variable = keras.Variable(np.ones((2, 3)))
    write(tmp_path / "c.zip", 0, model=[variable, variable.value])
    for array in read_checkpoint(tmp_path / "c.zip").model:
        np.testing.assert_array_equal(array, np.ones((2, 3)))


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path):
    def fails():
        yield np.zeros(2)
        raise KeyboardInterrupt

    path = tmp_path / "checkpoint.zip"
    write(path, 3)
    with pytest.raises(KeyboardInterrupt):
        write(path, 4, optimizer=fails())
    assert read_checkpoint(path).epoch == 3


def test_assigns_in_order():
    variables = [keras.Variable(np.zeros(2)), keras.Variable(0)]
    assign_all(variables, [np.array([1.0, 2.0]), np.array(3)], "weights")
    np.testing.assert_array_equal(variables[0], [1.0, 2.0])
    assert int(variables[1]) == 3


@pytest.mark.parametrize(
    "values", [[], [np.zeros(3)], [np.zeros(2), np.zeros(2)]]
)
def test_refuses_values_of_another_model(values):
    variable = keras.Variable(np.ones(2))
    with pytest.raises(ValueError, match="The saved weights must fit .*2,"):
        assign_all([variable], values, "weights")
    np.testing.assert_array_equal(variable, np.ones(2))


def test_a_checkpoint_that_was_cut_off_is_named(tmp_path):
    path = tmp_path / "checkpoint.zip"
    path.write_bytes(b"PK half")
    with pytest.raises(ValueError, match="checkpoint.zip is no whole check"):
        read_checkpoint(path)
