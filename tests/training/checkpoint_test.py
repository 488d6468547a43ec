import keras
import numpy as np
import pytest

from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.checkpoint import write_checkpoint

ARRAYS = {
    # More than ten, so that names in their alphabetical order would not do.
    "model": [np.full((i % 3, 2), i, "float32") for i in range(12)],
    "optimizer": [np.array(7, "int64"), np.array([1, 2**32 - 1], "uint32")],
    "metrics": [],
}
STATE = {"identity": {"seed": 1}, "history": [{"loss": 0.1}]}


def write(path, epoch, **changes):
    arrays = {**ARRAYS, **changes}
    write_checkpoint(path, epoch, batch=5, state=STATE, **arrays)


def test_reads_what_was_written(tmp_path):
    path = tmp_path / "checkpoint.zip"
    write(path, 3)
    checkpoint = Checkpoint(path)
    assert (checkpoint.epoch, checkpoint.batch) == (3, 5)
    assert checkpoint.state == STATE
    for group, arrays in ARRAYS.items():
        saved = checkpoint.arrays(group)
        assert len(saved) == len(arrays)
        for array, original in zip(saved, arrays, strict=True):
            assert array.dtype == original.dtype
            np.testing.assert_array_equal(array, original)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.zip"]


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path):
    def fails():
        yield np.zeros(2)
        raise KeyboardInterrupt

    path = tmp_path / "checkpoint.zip"
    write(path, 3)
    with pytest.raises(KeyboardInterrupt):
        write(path, 4, optimizer=fails())
    assert Checkpoint(path).epoch == 3


def test_takes_and_assigns_variables_in_order(tmp_path):
    values = [np.array([1.0, 2.0]), np.array(3), np.zeros((0, 2))]
    path = tmp_path / "checkpoint.zip"
    write(path, 0, model=[keras.Variable(value) for value in values])
    variables = [keras.Variable(np.ones_like(value)) for value in values]
    Checkpoint(path).assign("model", variables)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    "values", [[], [np.zeros(3)], [np.zeros(2), np.zeros(2)]]
)
def test_refuses_values_of_another_model(values, tmp_path):
    path = tmp_path / "checkpoint.zip"
    write(path, 0, model=values)
    variable = keras.Variable(np.ones(2))
    with pytest.raises(ValueError, match="The saved model must fit .*2,"):
        Checkpoint(path).assign("model", [variable])
    np.testing.assert_array_equal(variable, np.ones(2))


def test_a_checkpoint_that_was_cut_off_is_named(tmp_path):
    path = tmp_path / "checkpoint.zip"
    path.write_bytes(b"PK half")
    with pytest.raises(ValueError, match="checkpoint.zip is damaged"):
        Checkpoint(path)
