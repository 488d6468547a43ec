"""Oracles by themselves: trials are played, not trained."""

import json

import keras_tuner
import pytest

from o2v_keras.tuning.oracles import make_oracle
from tests.tuning.small_search import IGNORED

pytestmark = pytest.mark.filterwarnings(IGNORED)
SEARCHES = ("random", "hyperband", "bayesian")


def open_oracle(folder, search, is_valid=lambda values: True):
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Int("n", 1, 1000, sampling="log")
    oracle = make_oracle(
        search,
        is_valid,
        keras_tuner.Objective("score", "max"),
        hp,
        seed=0,
        # Bayesian search takes seconds a trial, after the first three.
        max_trials=4 if search == "bayesian" else 9,
        max_epochs=3,
    )
    oracle._set_project_dir(str(folder), "search")
    if (folder / "search" / "oracle.json").exists():
        oracle.reload()
    return oracle


def play(oracle, status="COMPLETED"):
    """Plays one trial; returns its values, or `None` at the end."""
    trial = oracle.create_trial("tuner0")
    if trial.status == "STOPPED":
        return None
    if status == "COMPLETED":
        score = -abs(trial.hyperparameters.values["x"] - 0.3)
        oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = status
    oracle.end_trial(trial)
    return trial.trial_id, trial.hyperparameters.values


def play_all(oracle):
    return list(iter(lambda: play(oracle), None))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_stopped_after_each_trial_proposes_the_same(search, tmp_path):
    whole = play_all(open_oracle(tmp_path / "whole", search))
    parts = []
    while (played := play(open_oracle(tmp_path / "parts", search))) is not None:
        parts.append(played)
    assert parts == whole
    assert len(whole) > 3


@pytest.mark.parametrize("search", SEARCHES)
def test_an_interrupted_trial_is_run_again_and_no_other(search, tmp_path):
    whole = play_all(open_oracle(tmp_path / "whole", search))
    oracle = open_oracle(tmp_path, search)
    assert [play(oracle), play(oracle)] == whole[:2]
    begun = oracle.create_trial("tuner0")
    # It may have reported its result, but not its end.
    oracle.update_trial(begun.trial_id, {"score": 7.0})
    assert play_all(open_oracle(tmp_path, search)) == whole[2:]
    trial = json.loads(
        (tmp_path / f"search/trial_{begun.trial_id}/trial.json").read_text()
    )
    assert trial["score"] < 0


def test_a_trial_that_ended_is_not_run_again(tmp_path, monkeypatch):
    """Killed after the trial's file was written, before the oracle's."""
    oracle = open_oracle(tmp_path, "random")
    first = play(oracle)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 0.5})
    monkeypatch.setattr(oracle, "save", lambda: None)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    reloaded = open_oracle(tmp_path, "random")
    third = play(reloaded)
    assert third[0] == "2"
    assert third != first
    assert reloaded.end_order == ["0", "1", "2"]


def test_a_trial_that_was_not_written_down_is_proposed_again(
    tmp_path, monkeypatch
):
    """Killed after a new trial's file was written, before the oracle's."""
    whole = play_all(open_oracle(tmp_path / "whole", "random"))
    oracle = open_oracle(tmp_path, "random")
    play(oracle)
    monkeypatch.setattr(oracle, "save", lambda: None)
    oracle.create_trial("tuner0")
    assert (tmp_path / "search" / "trial_1").is_dir()
    assert play_all(open_oracle(tmp_path, "random")) == whole[1:]


def test_files_are_never_half_written(tmp_path, monkeypatch):
    oracle = open_oracle(tmp_path, "random")
    play(oracle)

    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", interrupted)
    monkeypatch.setattr(
        keras_tuner.engine.trial.Trial, "get_state", interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        oracle.save()
    with pytest.raises(KeyboardInterrupt):
        oracle._save_trial(oracle.trials["0"])
    monkeypatch.undo()
    assert play(open_oracle(tmp_path, "random"))[0] == "1"


@pytest.mark.parametrize("search", SEARCHES)
def test_invalid_proposals_are_never_made(search, tmp_path):
    oracle = open_oracle(tmp_path, search, lambda values: values["x"] > 0.9)
    trials = play_all(oracle)
    assert len(trials) > 3
    assert all(values["x"] > 0.9 for _, values in trials)


def test_a_space_without_valid_proposals_ends_the_search(tmp_path):
    oracle = open_oracle(tmp_path, "random", lambda values: False)
    assert play_all(oracle) == []


@pytest.mark.parametrize("search", SEARCHES)
def test_failures_do_not_end_a_search(search, tmp_path):
    oracle = open_oracle(tmp_path, search)
    for _ in range(3):
        assert play(oracle, "FAILED") is not None
    assert play(oracle) is not None
