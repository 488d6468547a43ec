"""Resumed trainings, from copies of what a killed one leaves on the disk."""

import pathlib
import re
import shutil

import numpy as np
import pytest

from o2v_keras import progress
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.training import fit
from o2v_keras.training.callbacks.checkpointing import Checkpointing
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from o2v_keras.training.weight_files import ArrayFile
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history

SOURCES = {
    "train": make_source(23, label=1),
    "validation": make_source(13),
    "test": make_source(9),
}


class Snapshots(Checkpointing):
    """Copies the model directory whenever a process might be killed.

    The copies are named `epoch-batch` (after a batch), `epoch-validation`
    (before it), `epoch-history` (between history and checkpoint) and
    `epoch-end`.
    """

    target: pathlib.Path

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self._copy(batch)

    def on_test_begin(self, logs=None):
        self._copy("validation")

    def on_epoch_end(self, epoch, logs=None):
        self._copy("history")
        super().on_epoch_end(epoch, logs)
        self._copy("end")

    def _copy(self, moment):
        folder = pathlib.Path(self._path).parent
        shutil.copytree(folder, self.target / f"{self._epoch}-{moment}")


def run(folder, changes=None, sources=SOURCES, **arguments):
    """Trains with dropout and negatives; the third epoch stops early."""
    fields = {
        "dropout": 0.4,
        "negative_sampling_rate": 2,
        "bucket_width": 2,
        "learning_rate": 0.1,
        "early_stopping_patience": 1,
        "early_stopping_tolerance": 9.0,
        "epochs": 5,
    }
    return train(
        make_config(**{**fields, **(changes or {})}),
        **sources,
        model_dir=folder,
        **{"verbose": 0, "steps_per_execution": 1, **arguments},
    )


def run_with_snapshots(tmp_path_factory, **arguments):
    """Returns the folder, the result and the folder of snapshots."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    target = tmp_path_factory.mktemp("snapshots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "Checkpointing", Snapshots)
        patch.setattr(Snapshots, "target", target, raising=False)
        result = run(folder, checkpoint_minutes=0, **arguments)
    return folder, result, target


def assert_same_training(folder, result, other_folder, other_result):
    """Compares all that two trainings ended with."""
    report, expected = result.report, other_result.report
    assert report["epochs"] == expected["epochs"]
    assert report["best_epoch"] == expected["best_epoch"]
    for split in ("train", "validation", "test"):
        assert report[split] == pytest.approx(expected[split], rel=1e-4)
    lines, expected = read_history(folder), read_history(other_folder)
    assert len(lines) == len(expected) == result.report["epochs"]
    for line, other in zip(lines, expected, strict=True):
        assert line == pytest.approx(other, rel=1e-4)
    states, arrays = [], []
    for path, trained in (
        (folder, result.model),
        (other_folder, other_result.model),
    ):
        checkpoint = Checkpoint(path / "checkpoint.zip")
        states.append(checkpoint.state["early_stopping"])
        assert (checkpoint.epoch, checkpoint.batch) == (len(lines), 0)
        # The dropout layers' seed states are among the model's variables.
        arrays.append(
            [
                *trained.get_weights(),
                *checkpoint.arrays("model"),
                *checkpoint.arrays("optimizer"),
                *_best_weights(path, report["best_epoch"]),
            ]
        )
    losses = [state.pop("losses") for state in states]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert states[0] == pytest.approx(states[1], rel=1e-4)
    for array, other in zip(*arrays, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-6)


def _best_weights(folder, epoch):
    # That of the checkpoint before the last one may be there too.
    return ArrayFile(folder / f"best_weights.{epoch}.zip").arrays("weights")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, run(folder)


@pytest.fixture(scope="module")
def with_snapshots(tmp_path_factory):
    # Asked to resume where nothing is, training begins at the beginning.
    return run_with_snapshots(tmp_path_factory, resume=True)


@pytest.fixture
def killed(with_snapshots, tmp_path):
    """Returns a folder as a process killed at a moment leaves it."""

    def copy(moment):
        folder = tmp_path / moment
        shutil.copytree(with_snapshots[2] / moment, folder)
        return folder

    return copy


def test_the_reference_stopped_early(uninterrupted):
    _, result = uninterrupted
    assert result.report["epochs"] == 3
    # The best weights are not those with which training goes on.
    assert result.report["best_epoch"] == 1


def test_checkpoints_within_epochs_change_nothing(
    uninterrupted, with_snapshots
):
    assert_same_training(*with_snapshots[:2], *uninterrupted)


@pytest.mark.parametrize(
    ("moment", "epoch", "batch"),
    [
        pytest.param("0-0", 0, 1, id="first_batch"),
        pytest.param("0-end", 1, 0, id="between_epochs"),
        pytest.param("1-4", 1, 5, id="mid_epoch"),
        pytest.param("2-6", 2, 7, id="epoch_that_stops_early"),
        pytest.param("1-validation", 1, None, id="validation"),
        pytest.param("2-history", 2, None, id="before_the_checkpoint"),
    ],
)
def test_resumed_training_ends_as_if_never_killed(
    killed, uninterrupted, moment, epoch, batch
):
    folder = killed(moment)
    checkpoint = Checkpoint(folder / "checkpoint.zip")
    assert checkpoint.epoch == epoch
    assert checkpoint.batch > 0 if batch is None else checkpoint.batch == batch
    result = run(folder, resume=True)
    assert_same_training(folder, result, *uninterrupted)


@pytest.mark.parametrize("reason", ["is damaged (", "is missing."])
def test_goes_on_from_the_checkpoint_before_a_damaged_one(
    killed, uninterrupted, capsys, reason
):
    folder = killed("2-6")
    path = folder / "checkpoint.zip"
    if reason == "is missing.":  # killed as the new one took its place
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    result = run(folder, resume=True, verbose=1)
    printed = capsys.readouterr().out
    assert f"{path} {reason}" in printed
    assert f"Resuming from {folder / 'checkpoint.earlier.zip'}." in printed
    assert "Resuming at epoch 2, batch 6." in printed
    assert_same_training(folder, result, *uninterrupted)


def test_can_be_killed_again_in_the_same_epoch(
    killed, uninterrupted, tmp_path, monkeypatch
):
    first = killed("1-1")
    monkeypatch.setattr(fit, "Checkpointing", Snapshots)
    monkeypatch.setattr(Snapshots, "target", tmp_path / "two", raising=False)
    run(first, resume=True, checkpoint_minutes=0)
    monkeypatch.undo()
    second, later = (tmp_path / "two" / moment for moment in ("1-3", "2-0"))
    assert Checkpoint(second / "checkpoint.zip").batch == 2 + 4
    assert Checkpoint(later / "checkpoint.zip").batch == 1
    assert_same_training(second, run(second, resume=True), *uninterrupted)


@pytest.mark.slow
def test_replicas_resume_in_mid_epoch(tmp_path_factory):
    folder, result, snapshots = run_with_snapshots(
        tmp_path_factory, replicas=2, changes={"epochs": 2}
    )
    assert result.model.distribute_strategy.num_replicas_in_sync == 2
    killed = snapshots / "1-2"
    resumed = run(killed, resume=True, replicas=2, changes={"epochs": 2})
    assert_same_training(killed, resumed, folder, result)
    # What several replicas trained needs none to be loaded.
    pairs = zip(
        load_model(killed).get_weights(),
        result.model.get_weights(),
        strict=True,
    )
    for weight, other in pairs:
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("averaging", "replicas"),
    [
        pytest.param("ema", 2, id="ema", marks=pytest.mark.slow),
        pytest.param("tail", 1, id="tail"),
    ],
)
def test_averages_resume(averaging, replicas, tmp_path_factory):
    changes = {
        "epochs": 2,
        "token_embedding_storage_type": "row_sparse",
        "weight_averaging": averaging,
        "weight_averaging_epochs": 2,
    }
    settings = {"replicas": replicas, "changes": changes}
    folder, result, snapshots = run_with_snapshots(tmp_path_factory, **settings)
    # Within an epoch, and with the averages in the model.
    for moment in ("0-2", "0-validation", "0-end", "1-3", "1-history"):
        killed = snapshots / moment
        if (killed / "checkpoint.zip").exists():
            resumed = run(killed, resume=True, **settings)
            assert_same_training(killed, resumed, folder, result)
    trained = Checkpoint(folder / "checkpoint.zip").arrays("model")
    assert not np.allclose(result.model.get_weights()[0], trained[0])
    scores = evaluate(load_model(folder), SOURCES["validation"])
    best = min(result.history.history["val_loss"])
    assert scores["metrics"]["loss"] == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize(
    "storage", [pytest.param("dense", marks=pytest.mark.slow), "row_sparse"]
)
def test_replicas_average_as_one_does(storage, tmp_path):
    changes = {
        "dropout": 0.0,
        "optimizer": "sgd",
        "epochs": 1,
        "token_embedding_storage_type": storage,
        "weight_averaging": "ema",
    }
    first, second = (
        run(tmp_path / str(count), changes, replicas=count) for count in (1, 2)
    )
    pairs = zip(
        first.model.get_weights(), second.model.get_weights(), strict=True
    )
    for weight, other in pairs:
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_resumes_between_searches_for_negatives(tmp_path_factory):
    changes = {
        "output_layer": "in_batch_softmax",
        "temperature": 0.5,
        "negative_sampling_rate": 0,
        "mined_negatives": 1,
        "mining_epochs": 2,
        "bucket_width": 0,
        "epochs": 3,
    }
    folder, result, snapshots = run_with_snapshots(
        tmp_path_factory, changes=changes
    )
    # Within an epoch after a search, before one without, before another one.
    for moment in ("0-1", "0-end", "1-end"):
        killed = snapshots / moment
        resumed = run(killed, changes, resume=True)
        assert_same_training(killed, resumed, folder, result)
    (snapshots / "1-1" / "mined_negatives.zip").unlink()
    with pytest.raises(ValueError, match="mined before epoch 0, which .*Train"):
        run(snapshots / "1-1", changes, resume=True)


def test_a_finished_training_is_only_reported(uninterrupted, tmp_path):
    reference, result = uninterrupted
    folder = tmp_path / "finished"
    shutil.copytree(reference, folder)
    written = (folder / "checkpoint.zip").stat().st_mtime_ns
    again = run(folder, resume=True)
    assert again.report == result.report
    assert (folder / "checkpoint.zip").stat().st_mtime_ns == written
    assert_same_training(folder, again, reference, result)


def test_resumes_for_more_epochs(uninterrupted, tmp_path):
    run(tmp_path, {"epochs": 1})
    result = run(tmp_path, resume=True)
    assert_same_training(tmp_path, result, *uninterrupted)
    assert '"epochs": 5' in (tmp_path / "config.json").read_text()


def test_test_data_may_change_until_they_are_scored(killed, uninterrupted):
    _, expected = uninterrupted
    folder = killed("2-6")
    result = run(folder, sources={**SOURCES, "test": None}, resume=True)
    assert result.report["test"] == {}
    for weight, other in zip(
        result.model.get_weights(), expected.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)
    # Scored at last, without training any more.
    again = run(folder, resume=True)
    assert again.report["test"] == pytest.approx(expected.report["test"], 1e-4)


def test_shows_where_it_resumes(killed, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    run(killed("2-6"), resume=True, verbose=1)
    printed = capsys.readouterr().out
    assert "Resuming at epoch 2, batch 7." in printed
    # That epoch goes on with the batch after.
    batches = re.findall(r"epoch 2: .*?(\d+) of", printed)
    assert batches[0] == "8"
    # What early stopping says has a line of its own, after the epoch's.
    (said,) = [line for line in printed.splitlines() if "Bad epochs" in line]
    assert said.startswith("epoch 2: val_loss has not improved")


@pytest.mark.parametrize(
    ("changes", "sources", "message"),
    [
        pytest.param(
            {"dropout": 0.3, "seed": 7},
            {},
            "same hyperparameters; these differ .*: dropout, seed. To use the",
            id="hyperparameters",
        ),
        pytest.param(
            {},
            {"train": make_source(23, seed=1, label=1)},
            "same data; these differ from the checkpoint's: train. To use",
            id="data",
        ),
        pytest.param(
            {}, {"validation": None}, "these differ .*: validation.", id="split"
        ),
    ],
)
def test_refuses_to_resume_another_training(killed, changes, sources, message):
    folder = killed("1-4")
    before = {
        file: file.read_bytes()
        for file in folder.iterdir()
        if file.is_file() and file.name != ".o2v.lock"
    }
    with pytest.raises(ValueError, match=message):
        run(folder, changes, {**SOURCES, **sources}, resume=True)
    for file, content in before.items():
        assert file.read_bytes() == content, file
