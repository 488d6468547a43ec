import json

import keras
import numpy as np
import pytest

from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.storage.damage import DamagedFileError
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.weight_files import write_keras_file
from tests.training.small_training import make_config


@pytest.fixture
def directory(tmp_path):
    directory = ModelDirectory(tmp_path / "new" / "model")
    directory.make()
    return directory


def test_loads_what_it_wrote(directory):
    model = Object2Vec(make_config(seed=3))
    inputs = {"in0": np.array([[1, 2]]), "in1": np.array([[3]])}
    model.train_on_batch(inputs, np.array([1]))
    directory.write_model(model)
    names = sorted(file.name for file in directory.path.iterdir())
    assert names == [".o2v.json", "model.keras"]
    for path in (directory.path, str(directory.model)):
        loaded = load_model(path)
        assert loaded.config == model.config
        pairs = zip(loaded.get_weights(), model.get_weights(), strict=True)
        for weight, original in pairs:
            np.testing.assert_array_equal(weight, original)


def test_writes_config_and_metrics_as_json(directory):
    config = make_config(bucket_width=3)
    directory.write_config(config)
    directory.write_metrics({"epochs": 2})
    written = json.loads(directory.config.read_text())
    assert written == config.to_dict()
    assert written["early_stopping_patience"] == 3
    assert json.loads(directory.metrics.read_text()) == {"epochs": 2}
    names = sorted(file.name for file in directory.path.iterdir())
    assert names == [".o2v.json", "config.json", "metrics.json"]


@pytest.mark.parametrize("name", ["checkpoint", "model"])
def test_is_used_when_a_training_has_left_something(directory, name):
    directory.write_config(make_config())
    assert not directory.is_used
    getattr(directory, name).touch()
    assert directory.is_used


def test_rejected_rows_have_a_file_for_each_channel(directory):
    train, test = map(directory.rejected_rows, ("train", "test"))
    assert train.name == "rejected_rows.train.jsonl"
    assert train.parent == directory.path
    assert train != test


@pytest.mark.parametrize("name", ["", "other.keras"])
def test_says_which_model_is_missing(directory, name):
    with pytest.raises(ValueError, match=r"there is no .*\.keras. Received"):
        load_model(directory.path / name)


def test_refuses_another_keras_model(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match="an Object2Vec model.*a Sequential"):
        load_model(path)


def cut(content):
    return content[:70]


def cut_at_the_end(content):
    return content[:-9]


def flip_a_weight(content):
    place = content.index(b"model.weights.h5") + 20000
    return flipped(content, place)


def flip_the_config(content):
    return flipped(content, content.index(b'"config"') + 2)


def flipped(content, place):
    changed = bytes([content[place] ^ 1])
    return content[:place] + changed + content[place + 1 :]


@pytest.fixture(scope="module")
def written_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    write_keras_file(Object2Vec(make_config(seed=3)), path)
    return path.read_bytes()


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize(
    "damage", [cut, cut_at_the_end, flip_a_weight, flip_the_config]
)
def test_damaged_model_is_named(directory, written_model, damage, resumable):
    directory.model.write_bytes(damage(written_model))
    if resumable:
        directory.checkpoint.touch()
    with pytest.raises(DamagedFileError) as info:
        load_model(directory.path)
    message = str(info.value)
    assert message.startswith(f"{directory.model} is damaged (")
    assert "Restore it from a copy" in message
    assert ("--resume" in message) == resumable
    assert "\n" not in message


def test_clear_leaves_rejected_rows_and_files_of_others(directory):
    kept = ["rejected_rows.train.jsonl", "logs/mine.txt", "notes.keras"]
    gone = ["checkpoint.zip", "logs/train/events.out.tfevents.1", "model.keras"]
    for name in (*kept, *gone):
        (directory.path / name).parent.mkdir(parents=True, exist_ok=True)
        (directory.path / name).touch()
    directory.clear()
    left = [
        path.relative_to(directory.path).as_posix()
        for path in directory.path.rglob("*")
        if path.is_file()
    ]
    assert sorted(left) == sorted([".o2v.json", *kept])


def test_an_unfinished_training_is_to_be_resumed(directory):
    directory.checkpoint.touch()
    with pytest.raises(ValueError, match="continue with `--resume`"):
        load_model(directory.path)


def test_a_file_in_its_place_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`model_dir` must be a folder"):
        ModelDirectory(tmp_path / "file").make()
