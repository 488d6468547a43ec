import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import read_in_memory
from o2v_keras.evaluation.rank import rank
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.reports.card_facts import ModelFacts
from o2v_keras.storage.lock import InUseError
from o2v_keras.storage.replace import DiskFullError
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.training import memory
from o2v_keras.training.callbacks.early_stopping import NonFiniteLossError
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.channels import hold_out
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import TIMING
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history

NAMES = ["a", "b", "c", "d"] * 20
METRICS = {"loss", "accuracy", "cross_entropy"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training with all channels, in the words of SageMaker."""
    folder = tmp_path_factory.mktemp("trained")
    values = make_config(epochs=3).to_dict()
    values["comparator_list"] = ",".join(values["comparator_list"])
    hyperparameters = folder / "hyperparameters.json"
    hyperparameters.write_text(
        json.dumps({n: str(v) for n, v in values.items() if v is not None})
    )
    result = train(
        hyperparameters,
        make_source(37),
        make_source(13),
        make_source(9),
        model_dir=folder / "model",
        verbose=0,
    )
    return folder / "model", result


def test_leaves_its_files(trained):
    folder, result = trained
    assert sorted(file.name for file in folder.iterdir()) == [
        ".o2v.json",
        "best_weights.1.zip",
        "checkpoint.earlier.zip",
        "checkpoint.zip",
        "config.json",
        "history.csv",
        "hyperparameters.json",
        "logs",
        "metrics.json",
        "model.keras",
        "trained_ids.npz",
    ]
    config = json.loads((folder / "config.json").read_text())
    assert config == make_config(epochs=3).to_dict()
    assert json.loads((folder / "metrics.json").read_text()) == result.report
    chosen = folder / "hyperparameters.json"
    assert Object2VecConfig.from_hyperparameters(chosen).to_dict() == config
    logged = {
        file.parent.name
        for file in (folder / "logs").rglob("events.out.tfevents.*")
    }
    assert logged == {"train", "validation"}


def test_history_has_a_line_an_epoch(trained):
    folder, result = trained
    history = read_history(folder)
    assert [line["epoch"] for line in history] == [0, 1, 2]
    columns = METRICS | {f"val_{name}" for name in METRICS}
    assert set(history[0]) == {"epoch", *columns}
    assert set(result.history.history) == {*columns, *TIMING}
    assert result.history.epoch == [0, 1, 2]
    for name in columns:
        column = [line[name] for line in history]
        assert column == result.history.history[name]


def test_report_is_that_of_the_best_weights(trained):
    folder, (model, history, report) = trained
    best = report["best_epoch"]
    assert best == np.argmin(history.history["val_loss"])
    assert report["epochs"] == 3
    for name in METRICS:
        assert report["train"][name] == history.history[name][best]
        values = history.history[f"val_{name}"]
        assert report["validation"][name] == values[best]
    for rows, split in ((13, "validation"), (9, "test")):
        inputs, labels = padded(make_source(rows))
        scored = load_model(folder).evaluate(
            inputs, labels, return_dict=True, verbose=0
        )
        assert scored == pytest.approx(report[split], rel=1e-5)
        baseline = report["baselines"][split]["majority_class"]
        majority = max(labels.mean(), 1 - labels.mean())
        assert baseline["accuracy"] == pytest.approx(majority)
    assert set(report) == {
        *("train", "validation", "test"),
        *("baselines", "best_epoch", "epochs", "advice"),
    }


def padded(source):
    inputs = {
        name: np.stack([np.pad(row, (0, 5 - len(row))) for row in source[name]])
        for name in ("in0", "in1")
    }
    return inputs, np.array(source["label"])


def test_plays_the_epochs_that_fit_would(tmp_path):
    config = make_config(negative_sampling_rate=1, bucket_width=2, epochs=3)
    source, validation = make_source(20, label=1), make_source(9)
    trained = train(config, source, validation, model_dir=tmp_path, verbose=0)
    fitted = Object2Vec(config).fit(
        load_dataset(source, config),
        validation_data=load_dataset(validation, config, training=False),
        epochs=3,
        shuffle=False,
        verbose=0,
    )
    for name, values in fitted.history.items():
        np.testing.assert_allclose(
            trained.history.history[name], values, rtol=1e-5
        )


def test_returns_the_model_it_saved(trained):
    folder, result = trained
    saved = load_model(folder)
    inputs, _ = padded(make_source(9))
    np.testing.assert_allclose(saved(inputs), result.model(inputs), rtol=1e-6)


def test_without_validation_the_training_loss_is_watched(tmp_path, capsys):
    result = train(
        make_config(epochs=9, early_stopping_tolerance=9.0)
        .replace(early_stopping_patience=1)
        .to_dict(),
        make_source(20),
        model_dir=tmp_path,
    )
    printed = capsys.readouterr().out
    assert "early stopping uses training loss" in printed
    assert "memory: about" in printed
    assert "\nepoch 2: accuracy" in printed
    assert f"model directory: {tmp_path}" in printed
    losses = result.history.history["loss"]
    assert len(losses) == result.report["epochs"] == 3
    assert result.report["best_epoch"] == np.argmin(losses)
    assert result.report["validation"] == result.report["test"] == {}
    assert result.report["baselines"] == {"validation": {}, "test": {}}


def test_without_validation_gaussian_rows_train_all_epochs(tmp_path, capsys):
    config = make_config(
        epochs=4,
        early_stopping_tolerance=9.0,
        early_stopping_patience=1,
        token_embedding_kl=1.0,
    )
    result = train(config, make_source(20), model_dir=tmp_path)
    assert "the last epoch is kept" in capsys.readouterr().out
    assert result.report["epochs"] == 4
    assert result.report["best_epoch"] == 3


def test_quiet_training_prints_nothing(tmp_path, capsys):
    train(make_config(epochs=1), make_source(9), model_dir=tmp_path, verbose=0)
    assert capsys.readouterr().out == ""


def test_calls_the_users_callbacks_after_its_own(tmp_path):
    saved = []

    def look(epoch, logs):
        checkpoint = Checkpoint(tmp_path / "checkpoint.zip")
        saved.append((epoch, checkpoint.epoch, len(read_history(tmp_path))))

    callback = keras.callbacks.LambdaCallback(on_epoch_end=look)
    train(
        make_config(epochs=2),
        make_source(9),
        model_dir=tmp_path,
        callbacks=[callback],
        verbose=0,
    )
    assert saved == [(0, 1, 1), (1, 2, 2)]


def test_a_used_directory_is_refused(trained):
    folder, _ = trained
    before = (folder / "model.keras").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="already holds a training"):
        train(make_config(), make_source(9), model_dir=folder)
    assert (folder / "model.keras").stat().st_mtime_ns == before


def test_overwrite_leaves_nothing_of_the_old_training(tmp_path):
    source = make_source(9)
    settings = {"model_dir": tmp_path, "verbose": 0}
    train(make_config(epochs=3), source, **settings)
    mine = [tmp_path / "notes.txt", tmp_path / "logs" / "train" / "mine"]
    for file in mine:
        file.write_text("mine")

    def killed(self, *args, **kwargs):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Object2Vec, "fit", killed)
        with pytest.raises(KeyboardInterrupt):
            train(make_config(seed=1), source, overwrite=True, **settings)
    # Whoever resumes now begins the new training, not the old one.
    left = {file for file in tmp_path.rglob("*") if file.is_file()}
    new = {".o2v.json", "config.json", "trained_ids.npz"}
    assert left == {*(tmp_path / name for name in new), *mine}
    assert {file.read_text() for file in mine} == {"mine"}
    config = make_config(seed=1)
    result = train(config, source, resume=True, **settings)
    assert result.report["epochs"] == len(read_history(tmp_path)) == 2


def test_two_trainings_in_one_directory(tmp_path):
    errors = []

    def train_too(epoch, logs):
        try:
            train(make_config(), make_source(9), model_dir=tmp_path / "model")
        except ValueError as error:
            errors.append(error)

    train(
        make_config(epochs=1),
        make_source(9),
        model_dir=tmp_path / "model",
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=train_too)],
        verbose=0,
    )
    (error,) = errors
    assert isinstance(error, InUseError)
    assert f"Process {os.getpid()} on host" in str(error)
    assert f"trains in {tmp_path}/model. Wait until" in str(error)
    assert ".o2v.lock" not in os.listdir(tmp_path / "model")


def test_failed_training_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        train(make_config(), make_source(0), model_dir=tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a") == []


def test_full_disk_ends_a_training_in_a_sentence(tmp_path):
    # As TensorBoard's writer says it.
    def write(epoch, logs):
        message = "events.out.tfevents.1; No space left on device"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    with pytest.raises(DiskFullError, match=f"^{tmp_path} could not be writ"):
        train(
            make_config(epochs=1),
            make_source(9),
            model_dir=tmp_path,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=write)],
            verbose=0,
        )


def test_starts_from_an_initial_model(trained, tmp_path):
    folder, result = trained
    config = make_config(epochs=1, optimizer="sgd", learning_rate=1e-6)
    started = train(
        config,
        make_source(37),
        model_dir=tmp_path,
        initial_model=folder,
        verbose=0,
    )
    for weight, initial in zip(
        started.model.get_weights(), result.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, initial, atol=1e-5)


def test_an_initial_model_must_fit(trained, tmp_path):
    folder, _ = trained
    settings = {"model_dir": tmp_path, "verbose": 0}
    config = make_config(mlp_dim=9)
    with pytest.raises(ValueError, match="`initial_model` must have the same"):
        train(config, make_source(9), initial_model=folder, **settings)
    with pytest.raises(ValueError, match="^`path` must be .* there is no"):
        train(config, make_source(9), initial_model=tmp_path, **settings)


def test_refuses_what_the_machine_cannot_hold(tmp_path, monkeypatch):
    class Free:
        available = 10_000

    monkeypatch.setattr(memory.psutil, "virtual_memory", Free)

    def build(*args):
        raise AssertionError("The model was built.")

    monkeypatch.setattr("o2v_keras.training.train_model.Object2Vec", build)
    with pytest.raises(MemoryError, match="10 kB are free"):
        train(make_config(), make_source(9), model_dir=tmp_path, verbose=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"enc0_pretrained_embedding_file": "glove.txt"},
            "`enc0_pretrained_embedding_file` must be the whole path of",
            id="pretrained",
        ),
        pytest.param(
            {
                "enc1_network": "hcnn",
                "enc1_vocab_size": 9,
                "enc1_max_seq_len": 9,
                "enc1_pretrained_embedding_file": "glove.txt",
            },
            "Received: enc1_pretrained_embedding_file='glove.txt'",
            id="pretrained_enc1",
        ),
        pytest.param(
            {"mini_batch_size": 9}, "multiple of `replicas`", id="replicas"
        ),
    ],
)
def test_refuses_before_it_starts(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(
            make_config(**changes),
            make_source(9),
            model_dir=tmp_path / "model",
            replicas=2,
        )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("channel", ["train", "validation", "test"])
def test_checks_every_channel_before_training(channel, tmp_path):
    sources = {"train": make_source(9), channel: make_source(9, label=5)}
    with pytest.raises(DataError, match="label=5"):
        train(make_config(), **sources, model_dir=tmp_path, verbose=0)
    assert list(tmp_path.iterdir()) == []


def test_only_training_data_must_be_positive(tmp_path):
    config = make_config(negative_sampling_rate=1)
    mixed, positive = make_source(9), make_source(9, label=1)
    settings = {"model_dir": tmp_path, "verbose": 0}
    with pytest.raises(DataError, match="label"):
        train(config, mixed, **settings)
    validation = make_source(9, seed=1)
    train(config.replace(epochs=1), positive, validation, **settings)


def test_bad_rows_can_be_skipped(tmp_path):
    source = make_source(9, seed=1)
    source["label"][4] = 5
    with pytest.warns(UserWarning, match="1 of 9 rows"):
        train(
            make_config(epochs=1),
            make_source(9),
            validation=source,
            model_dir=tmp_path,
            skip_bad_rows=0.2,
            verbose=0,
        )
    (line,) = (
        (tmp_path / "rejected_rows.validation.jsonl").read_text().splitlines()
    )
    assert "label=5" in line


def test_says_what_the_data_bring_about(tmp_path, capsys):
    source = {"in0": [1, 1, 2], "in1": [3, 4, 3], "weight": [1, 500, 1]}
    config = make_config(epochs=1, negative_sampling_rate=2)
    columns = PairColumns(label=None)
    train(config, source, model_dir=tmp_path, columns=columns)
    told = capsys.readouterr().out
    assert "4 negatives an epoch are left out" in told
    assert 'column "weight" holds sample weights, from 1 to 500' in told


def test_a_loss_that_is_no_number_stops(tmp_path):
    config = make_config(
        output_layer="mean_squared_error",
        optimizer="sgd",
        learning_rate=1e4,
        mini_batch_size=4,
        epochs=9,
    )
    source = make_source(4)
    message = r"epoch \d \(by batch \d\) at learning_rate=10000. Try a learning"
    with pytest.raises(NonFiniteLossError, match=message) as raised:
        train(
            config,
            source,
            model_dir=tmp_path,
            checkpoint_minutes=0,
            verbose=0,
        )
    # What the epochs before it have left is in place, and is sound.
    checkpoint = Checkpoint(tmp_path / "checkpoint.zip")
    assert f"in epoch {checkpoint.epoch} " in str(raised.value)
    assert checkpoint.epoch == len(read_history(tmp_path)) >= 1
    for array in checkpoint.arrays("model"):
        assert np.isfinite(array).all()


def test_resume_without_a_checkpoint_says_so(tmp_path, capsys):
    source = make_source(8)
    train(make_config(epochs=1), source, model_dir=tmp_path, resume=True)
    assert f"No checkpoint in {tmp_path}" in capsys.readouterr().out


def test_resume_and_overwrite_contradict_each_other(tmp_path):
    with pytest.raises(ValueError, match="must not be given both"):
        train(
            make_config(),
            make_source(8),
            model_dir=tmp_path,
            resume=True,
            overwrite=True,
        )


@pytest.mark.parametrize("minutes", [-1, "a", float("nan")])
def test_rejects_other_checkpoint_minutes(tmp_path, minutes):
    with pytest.raises(ValueError, match="`checkpoint_minutes` must be a num"):
        train(
            make_config(),
            make_source(8),
            model_dir=tmp_path,
            checkpoint_minutes=minutes,
        )


def test_refused_data_leaves_no_directory(tmp_path):
    source = {"in0": [[1]], "in1": [[99]], "label": [1]}
    with pytest.raises(DataError):
        train(make_config(), source, model_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_share_of_the_training_data_validates(tmp_path, capsys):
    data, columns = make_source(60), PairColumns()
    result = train(
        make_config(), data, model_dir=tmp_path, validation_split=0.2
    )
    assert "validation: 12 rows held out" in capsys.readouterr().out
    assert result.report["validation"]["accuracy"] >= 0
    table = read_in_memory(data, ("in0", "in1"), True, columns, {})[0].table
    kept, held_out = hold_out(table, 0.2, make_config())
    again = train(
        make_config(), kept, held_out, model_dir=tmp_path / "again", verbose=0
    )
    assert again.history.history["loss"] == result.history.history["loss"]


def test_pairs_are_held_out_with_their_mirror_images():
    first, second = np.triu_indices(20, 1) + np.ones((2, 1), np.int64)
    sides = np.r_[first, second], np.r_[second, first]
    table = PairTable.from_arrays(*sides, np.ones(len(sides[0])))
    kept, held_out = hold_out(table, 0.1, make_config())
    pairs = [
        {*zip(part.in0.values, part.in1.values, strict=True)}
        for part in (kept, held_out)
    ]
    assert len(held_out) == 38
    assert all((b, a) in pairs[1] for a, b in pairs[1])


@pytest.mark.parametrize("side", ["in0", "in1"])
def test_rows_of_one_text_are_held_out_together(side):
    texts = [f"text {number // 4}" for number in range(80)]
    data = {"in0": NAMES, "in1": NAMES, side: texts, "label": [0, 1] * 40}
    kinds = {f"enc{n}_tokenizer": "category" for n in "01"}
    kinds[f"enc{side[-1]}_tokenizer"] = "words"
    config = make_config(
        **kinds,
        enc1_network="pooled_embedding",
        enc1_max_seq_len=5,
        enc1_vocab_size=30,
    )
    tokenizers = learn_tokenizers(data, config, verbose=0)
    table = load_pairs(data, config, tokenizers=tokenizers, verbose=0)
    kept, held_out = hold_out(table, 0.25, config)
    assert len(held_out) == 20
    numbers = [{*part.origin.numbers // 4} for part in (kept, held_out)]
    assert not numbers[0] & numbers[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_split": 1.0}, "from 0 to below 1"),
        ({"validation_split": -0.1}, "from 0 to below 1"),
        ({"validation": make_source(9)}, "must be 0 beside validation"),
        ({"stream_rows": 9}, "must be 0 beside stream_rows"),
        ({"shard_by": "file"}, "must be 0 beside shard_by"),
    ],
)
def test_a_share_that_cannot_be_held_out_is_refused(tmp_path, options, message):
    options = {"validation_split": 0.2, **options}
    with pytest.raises(ValueError, match=message):
        train(make_config(), make_source(20), model_dir=tmp_path, **options)


def test_too_few_rows_to_hold_some_out_are_an_error(tmp_path):
    with pytest.raises(DataError, match="leaves no row to train on or to"):
        train(
            make_config(),
            make_source(4),
            model_dir=tmp_path,
            validation_split=0.1,
        )


def test_what_is_monitored_is_computed(tmp_path):
    data = [make_source(40 - n, seed=n, label=1) for n in (0, 30, 31)]
    config = make_config(output_layer="in_batch_softmax", mlp_layers=0)
    result = train(
        config,
        *data,
        model_dir=tmp_path,
        monitor="val_ndcg@5",
        monitor_mode="max",
        verbose=0,
    )
    again = train(
        config,
        *data,
        model_dir=tmp_path,
        monitor="val_ndcg@5",
        monitor_mode="max",
        resume=True,
        verbose=0,
    )
    assert again.report == result.report
    values = result.history.history["val_ndcg@5"]
    assert result.report["best_epoch"] == int(np.argmax(values))
    for split in ("validation", "test"):
        assert "ndcg@5" in result.report[split]
        assert "popularity" in result.report["baselines"][split]


SMALL = {"epochs": 4, "enc_dim": 8, "mini_batch_size": 8}


def train_by_recipe(model_dir, **options):
    data, test = make_source(60, label=1), make_source(9, seed=1, label=1)
    options = {"verbose": 0, "recipe": "retrieval"} | options
    return train(SMALL, data, test=test, model_dir=model_dir, **options)


def test_a_recipe_trains_on_all_rows_for_the_best_number_of_epochs(
    tmp_path, capsys
):
    result = train_by_recipe(tmp_path / "a", verbose=1)
    held_out = train_by_recipe(tmp_path / "b", validation_split=0.1)
    assert not (tmp_path / "b" / "held_out").exists()
    files = ModelDirectory(tmp_path / "a")
    report = result.report
    for part in ("validation", "best_epoch", "epochs"):
        assert report[part] == held_out.report[part]
    epochs = report["best_epoch"] + 1
    assert f"on all 60 rows, with epochs: {epochs}" in capsys.readouterr().out
    losses = result.history.history["loss"]
    assert len(losses) == epochs
    plain = train(
        files.hyperparameters,
        make_source(60, label=1),
        model_dir=tmp_path / "c",
        verbose=0,
    )
    assert losses == plain.history.history["loss"][:epochs]
    assert report["train"] != held_out.report["train"]
    # The card draws the curves that chose the epoch.
    curves = ModelFacts.read(files.path).epochs
    assert [e["val_loss"] for e in curves] == held_out.history.history[
        "val_loss"
    ]
    # What training has seen is no candidate, held-out rows included.
    found = rank(
        result.model,
        make_source(9, seed=1, label=1),
        training=make_source(60, label=1),
        allow_leaks=True,
    )
    assert report["test"]["ndcg@10"] == found["metrics"]["ndcg@10"]


class _Planned(EpochMetrics):
    """Says that the second epoch is the best."""

    def __init__(self):
        super().__init__()
        self._values = iter([0.1, 0.7, 0.2, 0.3])

    def metrics(self):
        return {"val_planned": next(self._values)}


def test_a_recipe_trains_on_all_rows_no_longer_than_the_best_epoch(tmp_path):
    report = train_by_recipe(
        tmp_path,
        callbacks=[_Planned()],
        monitor="val_planned",
        monitor_mode="max",
    ).report
    assert (report["epochs"], report["best_epoch"]) == (4, 1)
    assert len(read_history(tmp_path / "held_out")) == 4
    assert len(read_history(tmp_path)) == 2


class _Killed(keras.callbacks.Callback):
    """Ends a run after so many epochs, of both trainings together."""

    def __init__(self, epochs):
        super().__init__()
        self._left = epochs

    def on_epoch_end(self, epoch, logs=None):
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "trained", ["held_out", pytest.param(".", marks=pytest.mark.slow)]
)
def test_both_trainings_of_a_recipe_resume(tmp_path, trained):
    whole = train_by_recipe(tmp_path / "whole")
    epochs = {"held_out": 2, ".": whole.report["epochs"] + 1}[trained]
    folder = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        train_by_recipe(folder, callbacks=[_Killed(epochs)])
    assert ModelDirectory(folder / trained).has_checkpoint
    assert not (folder / "model.keras").exists()
    with pytest.raises(FileExistsError, match="already holds a training"):
        train_by_recipe(folder)
    with pytest.raises(ValueError, match="continue with `--resume`"):
        load_model(folder)
    resumed = train_by_recipe(folder, resume=True)
    assert resumed.report == whole.report
    for saved in zip(resumed.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(*saved)


def test_a_training_replaces_both_of_a_recipe(tmp_path):
    train_by_recipe(tmp_path)
    (tmp_path / "held_out" / "mine.txt").write_text("mine")
    train(
        make_config(),
        make_source(20),
        model_dir=tmp_path,
        overwrite=True,
        verbose=0,
    )
    left = [path.name for path in (tmp_path / "held_out").iterdir()]
    assert left == ["mine.txt"]


def test_streamed_data_choose_no_recipe(tmp_path):
    with pytest.raises(ValueError, match="looks at all data in memory"):
        train(None, make_source(9), model_dir=tmp_path, stream_rows=4)


def test_a_configuration_leaves_a_recipe_nothing_to_choose(tmp_path):
    with pytest.raises(ValueError, match="an Object2VecConfig has all"):
        train(make_config(), make_source(9), model_dir=tmp_path, recipe="auto")
