import keras
import numpy as np
import pytest

from o2v_keras.storage.damage import DamagedFileError
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.checkpoint import read_whole_checkpoint
from o2v_keras.training.checkpoint import write_checkpoint
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_arrays

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


@pytest.fixture
def two(tmp_path):
    """Paths of the last checkpoint, of epoch 2, and of the one before it."""
    last, earlier = tmp_path / "checkpoint.zip", tmp_path / "earlier.zip"
    for epoch in (1, 2):
        write_checkpoint(
            last,
            epoch,
            0,
            {"early_stopping": {"best_epoch": epoch}},
            model=[np.full(30, epoch, "float32")],
            optimizer=[np.arange(3)],
            metrics=[],
            earlier=earlier,
        )
        best = BestWeightsFiles(tmp_path)
        write_arrays(best.path(epoch), {}, weights=[np.ones(9)])
    return last, earlier, best


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_each_flipped_bit_leads_to_the_checkpoint_before(two):
    last, earlier, best = two
    whole = last.read_bytes()
    used = set()
    for place in range(0, len(whole), 7):
        flip(last, place)
        checkpoint, reason = read_whole_checkpoint(last, earlier, best)
        used.add(checkpoint.epoch)
        if checkpoint.epoch == 1:
            assert checkpoint.path == earlier
            assert reason.startswith(f"{last} is damaged (")
            assert reason.endswith(").")
        else:  # a date or an attribute that nothing reads
            assert reason is None
        (values,) = checkpoint.arrays("model")
        np.testing.assert_array_equal(values, np.full(30, checkpoint.epoch))
        assert len(checkpoint.arrays("optimizer")) == 1
        last.write_bytes(whole)
    assert used == {1, 2}


def test_damaged_best_weights_lead_to_the_checkpoint_before(two):
    last, earlier, best = two
    flip(best.path(2), 200)
    checkpoint, reason = read_whole_checkpoint(last, earlier, best)
    assert checkpoint.epoch == 1
    assert reason.startswith(f"{best.path(2)} is damaged (")


def test_two_damaged_checkpoints_are_named(two):
    last, earlier, best = two
    for path in (last, earlier):
        flip(path, 200)
    with pytest.raises(DamagedFileError, match="earlier.zip is.*--overwrite"):
        read_whole_checkpoint(last, earlier, best)
    earlier.unlink()
    with pytest.raises(DamagedFileError, match="checkpoint.zip is.*--overw"):
        read_whole_checkpoint(last, earlier, best)


def test_a_checkpoint_that_was_cut_off_is_named(tmp_path):
    path = tmp_path / "checkpoint.zip"
    path.write_bytes(b"PK half")
    with pytest.raises(ValueError, match="checkpoint.zip is damaged"):
        Checkpoint(path)
