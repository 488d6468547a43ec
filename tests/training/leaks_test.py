import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import write_records

TRAINING, VALIDATION = make_source(30), make_source(12, seed=1)


def leaky(rows):
    """Held-out data of which some pairs are in the training data."""
    return {
        name: [*VALIDATION[name], *TRAINING[name][:rows]] for name in TRAINING
    }


@pytest.mark.parametrize("stream_rows", [None, 10])
def test_test_pairs_in_the_training_data_are_refused(tmp_path, stream_rows):
    settings = {"model_dir": tmp_path / "model", "verbose": 0}
    source = TRAINING
    if stream_rows:
        source = tmp_path / "train.jsonl"
        write_records(source, TRAINING)
        settings["stream_rows"] = stream_rows
    message = (
        r"test: the same pair is in the training data \(3 rows\)\n    row 12"
    )
    with pytest.raises(DataError, match=message):
        train(make_config(), source, test=leaky(3), **settings)
    assert not (tmp_path / "model").exists()


def test_other_leaks_are_warned_of(tmp_path):
    config = make_config(epochs=1)
    settings = {"model_dir": tmp_path, "verbose": 0, "overwrite": True}
    with pytest.warns(UserWarning, match=r"validation: the same pair .*2 rows"):
        train(config, TRAINING, leaky(2), **settings)
    with pytest.warns(UserWarning, match=r"test: the same pair .*2 rows"):
        train(config, TRAINING, test=leaky(2), allow_leaks=True, **settings)
