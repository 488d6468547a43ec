import gc
import json
import shutil
import socket
import threading
import time
import weakref

import keras
import numpy as np
import pytest

from o2v_keras import evaluate
from o2v_keras import load_model
from o2v_keras.__main__ import main
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.train import train
from o2v_keras.tuning import channels
from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history
from tests.training.small_training import write_records
from tests.tuning.small_search import FIXED
from tests.tuning.small_search import IGNORED
from tests.tuning.small_search import RANGES
from tests.tuning.small_search import read_csv
from tests.tuning.small_search import read_json
from tests.tuning.small_search import small_search

pytestmark = pytest.mark.filterwarnings(IGNORED)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A random search of two trials; its result, and where its best went."""
    folder = tmp_path_factory.mktemp("tune")
    result = small_search(
        folder / "search",
        objective="validation:accuracy",
        best_model_dir=folder / "best",
    )
    return result, folder / "best"


def test_best_model_directory_is_as_train_leaves_one(searched, tmp_path):
    result, best = searched
    config = read_json(best / "config.json")
    trained = train(
        make_config(**config),
        make_source(24),
        make_source(10, seed=1),
        model_dir=tmp_path / "model",
        monitor="val_accuracy",
        monitor_mode="max",
        verbose=0,
    )
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {path.name for path in best.iterdir()} == names
    assert read_json(best / "metrics.json") == trained.report
    assert read_history(best) == read_history(tmp_path / "model")
    for ours, theirs in zip(
        load_model(best).weights, trained.model.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_objective_is_that_of_the_kept_weights(searched):
    result, best = searched
    metrics = evaluate(load_model(best), make_source(10, seed=1))["metrics"]
    assert metrics["accuracy"] == pytest.approx(result.best.objective)
    values = [trial.objective for trial in result.trials]
    assert result.best.objective == max(values)
    assert result.best.values["mlp_dim"] == load_model(best).config.mlp_dim


def test_trials_leave_their_records_and_the_best_its_model(searched):
    result, _ = searched
    models = [
        (trial.folder / "model.keras").exists() for trial in result.trials
    ]
    assert models == [trial == result.best for trial in result.trials]
    for trial in result.trials:
        assert (trial.folder / "history.csv").exists()
        assert (trial.folder / "logs").is_dir()
    rows = read_csv(result.directory / "trials.csv")
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert [float(row["val_accuracy"]) for row in rows] == [
        trial.objective for trial in result.trials
    ]
    validation = read_json(result.best.folder / "metrics.json")["baselines"]
    baselines = read_json(result.directory / "baselines.json")
    majority = validation["validation"]["majority_class"]["accuracy"]
    assert baselines["majority_class"] == majority
    assert len([*result.directory.glob("trial_*/events.out.tfevents.*")]) == 2
    picture = (result.directory / "trials.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_search_that_has_ended_goes_on_with_more_trials(searched, tmp_path):
    result, _ = searched
    folder = tmp_path / "search"
    shutil.copytree(result.directory, folder)
    times = [file.stat().st_mtime_ns for file in folder.glob("*/*/*.csv")]
    settings = {"objective": "validation:accuracy", "resume": True}
    same = small_search(folder, **settings)
    assert times == [
        file.stat().st_mtime_ns for file in folder.glob("*/*/*.csv")
    ]
    assert len(same.trials) == 2
    more = small_search(folder, max_trials=3, **settings)
    assert len(more.trials) == 3
    at_once = small_search(
        tmp_path / "at_once", max_trials=3, objective="validation:accuracy"
    )
    assert read_csv(folder / "trials.csv") == read_csv(
        tmp_path / "at_once" / "trials.csv"
    )
    assert more.best.objective == at_once.best.objective


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, FileExistsError, "already holds a search"),
        (
            {"resume": True, "seed": 3},
            ValueError,
            "these differ from .*search.json: seed",
        ),
        (
            {"resume": True, "ranges": {"mlp_dim": ValueRange(4, 9)}},
            ValueError,
            "these differ from .*: ranges",
        ),
        (
            {"resume": True, "max_trials": 3, "train": make_source(22)},
            ValueError,
            "its data, but these have changed.*: train.",
        ),
    ],
)
def test_another_search_is_refused(
    searched, settings, error, message, tmp_path
):
    folder = tmp_path / "search"
    shutil.copytree(searched[0].directory, folder)
    settings = {"objective": "validation:accuracy", **settings}
    with pytest.raises(error, match=message):
        small_search(folder, **settings)


def test_a_used_model_directory_is_refused(searched, tmp_path):
    with pytest.raises(FileExistsError, match="already holds a training"):
        small_search(tmp_path / "search", best_model_dir=searched[1])


@pytest.mark.slow
def test_overwriting_searches_anew(searched, tmp_path):
    folder = tmp_path / "search"
    shutil.copytree(searched[0].directory, folder)
    result = small_search(folder, max_trials=1, seed=4, overwrite=True)
    assert len(result.trials) == 1
    assert len(list(folder.glob("trial_*"))) == 1


def test_failed_trials_are_recorded_and_do_not_end_the_search(tmp_path, capsys):
    ranges = {
        "learning_rate": ValueChoice((0.01, 1e30)),
        "mlp_dim": ValueChoice((4, 10**11)),
    }
    fixed = {**FIXED, "optimizer": "sgd", "epochs": 1}
    result = small_search(tmp_path, fixed, ranges, max_trials=4, verbose=1)
    trials = {
        (t.values["learning_rate"], t.values["mlp_dim"]): t
        for t in result.trials
        if t.values["mlp_dim"] == 4
    }
    assert trials[0.01, 4].status == "completed"
    assert result.best == trials[0.01, 4]
    assert trials[1e30, 4].status == "failed"
    assert "The loss became nan" in trials[1e30, 4].reason
    reasons = [t.reason for t in result.trials if t.status == "failed"]
    assert sum("MemoryError: Training would take" in r for r in reasons) == 2
    lines = capsys.readouterr().out
    assert "4 trials: 1 completed, 3 failed" in lines
    assert "failed: NonFiniteLossError: The loss became nan" in lines
    assert any(
        "nan" in row["reason"] for row in read_csv(tmp_path / "trials.csv")
    )


def test_a_search_of_failures_says_why(tmp_path):
    ranges = {"learning_rate": ValueRange(1e30, 1e31)}
    fixed = {**FIXED, "optimizer": "sgd"}
    with pytest.raises(ValueError, match="(?s)No trial was .*became nan"):
        small_search(tmp_path, fixed, ranges, max_trials=1)


def test_data_are_read_once(tmp_path, monkeypatch):
    calls = []
    load = channels.load_channels

    def counted(*arguments, **settings):
        calls.append(arguments)
        return load(*arguments, **settings)

    monkeypatch.setattr(channels, "load_channels", counted)
    small_search(tmp_path, max_trials=2)
    assert len(calls) == 1


class Interrupting(keras.callbacks.Callback):
    """Ends the process, so to speak, in the second trial's second epoch."""

    begun = 0

    def on_train_begin(self, logs=None):
        type(self).begun += 1

    def on_epoch_begin(self, epoch, logs=None):
        if self.begun == 2 and epoch == 1:
            raise KeyboardInterrupt


def test_an_interrupted_trial_goes_on_exactly(searched, tmp_path):
    folder, settings = tmp_path / "search", {"objective": "val_accuracy"}
    with pytest.raises(KeyboardInterrupt):
        small_search(folder, callbacks=lambda: [Interrupting()], **settings)
    assert not (folder / "trials.csv").exists()
    ended = folder / "trial_0" / "trial.json"
    before = ended.stat().st_mtime_ns
    result = small_search(folder, resume=True, **settings)
    assert ended.stat().st_mtime_ns == before
    whole = searched[0]
    assert read_csv(folder / "trials.csv") == read_csv(
        whole.directory / "trials.csv"
    )
    for ours, theirs in zip(result.trials, whole.trials, strict=True):
        assert read_history(ours.folder) == read_history(theirs.folder)


@pytest.mark.slow
def test_tokenizers_are_learned_once_for_each_setting(tmp_path, monkeypatch):
    words = ["red", "green", "blue", "dog", "cat"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 3)) for _ in range(24)]
    pairs = {"in0": texts, "in1": texts[::-1], "label": [0, 1] * 12}
    held_out = {"in0": ["red fish"], "in1": ["blue cat"], "label": [1]}
    calls = []
    learn = channels.training_tokenizers

    def counted(config, *arguments):
        calls.append(config.enc0_hash_buckets)
        return learn(config, *arguments)

    monkeypatch.setattr(channels, "training_tokenizers", counted)
    result = small_search(
        tmp_path,
        {**FIXED, "enc0_tokenizer": "words", "epochs": 1},
        {
            "enc0_hash_buckets": ValueChoice((0, 2)),
            "dropout": ValueRange(0.0, 0.5),
        },
        train=pairs,
        validation=held_out,
        max_trials=4,
    )
    assert {t.status for t in result.trials} == {"completed"}
    assert sorted(calls) == [0, 2]
    assert (result.best.folder / "tokenizers.keras").is_file()
    assert "in0" in load_model(result.best.folder).tokenizers.sides


def test_a_ranking_metric_is_an_objective(tmp_path):
    pairs = make_source(24, label=1)
    fixed = {**FIXED, "negative_sampling_rate": 1, "epochs": 1}
    result = small_search(
        tmp_path,
        fixed,
        train=pairs,
        validation=make_source(10, seed=1, label=1),
        objective="val_ndcg@3",
        ranking={"query": "in1"},
        max_trials=1,
    )
    metrics = read_json(result.best.folder / "metrics.json")["validation"]
    assert metrics["ndcg@3"] == result.best.objective
    baselines = read_json(tmp_path / "baselines.json")
    assert {*baselines} == {"random", "popularity"}


def test_an_objective_that_no_epoch_reports_ends_the_search(tmp_path):
    message = "`objective` must be one of loss, .*val_mean_squared_error"
    with pytest.raises(ValueError, match=message):
        small_search(
            tmp_path,
            {**FIXED, "output_layer": "mean_squared_error"},
            objective="validation:accuracy",
        )


def test_a_head_without_pairs_has_no_ranking_metric(tmp_path):
    fixed = {
        **FIXED,
        "output_layer": "embedding",
        "target_embedding_dim": 4,
    }
    ranges = {"learning_rate": ValueRange(0.001, 0.1)}
    message = "`objective` must be one of the head.*Received: .*val_ndcg@3"
    with pytest.raises(ValueError, match=message):
        small_search(tmp_path, fixed, ranges, objective="val_ndcg@3")


class Luck(EpochMetrics):
    """An own metric."""

    def metrics(self):
        return {"val_luck": float(self.model.config.mlp_dim)}


@pytest.mark.slow
def test_own_metrics_are_objectives(tmp_path):
    result = small_search(
        tmp_path,
        objective="val_luck",
        direction="max",
        callbacks=lambda: [Luck()],
        max_trials=3,
    )
    assert result.best.objective == max(
        t.values["mlp_dim"] for t in result.trials
    )


@pytest.mark.slow
def test_hyperbands_long_trials_go_on_from_short_ones(tmp_path):
    fixed = {**FIXED, "epochs": 4, "early_stopping_patience": 5, "dropout": 0.2}
    result = small_search(tmp_path / "search", fixed, search="hyperband")
    epochs = {trial.name: trial.epochs for trial in result.trials}
    promoted = {}
    for name in epochs:
        trial = read_json(tmp_path / "search" / f"trial_{name}" / "trial.json")
        values = trial["hyperparameters"]["values"]
        assert epochs[name] == values["tuner/epochs"]
        if "tuner/trial_id" in values:
            promoted[name] = values["tuner/trial_id"]
    assert promoted
    name, parent = next(iter(promoted.items()))
    trials = {trial.name: trial for trial in result.trials}
    long, short = (read_history(trials[n].folder) for n in (name, parent))
    assert long[: len(short)] == short
    assert len(long) == 4
    config = make_config(**read_json(trials[name].folder / "config.json"))
    train(
        config,
        make_source(24),
        make_source(10, seed=1),
        model_dir=tmp_path / "model",
        verbose=0,
    )
    assert read_history(tmp_path / "model") == long
    kept = [
        t.name for t in result.trials if (t.folder / "model.keras").exists()
    ]
    assert kept == [result.best.name]


@pytest.mark.slow
def test_bayesian_search_resumes_with_the_same_proposals(tmp_path):
    fixed = {**FIXED, "epochs": 1}
    settings = {"search": "bayesian"}
    small_search(tmp_path / "a", fixed, max_trials=4, **settings)
    small_search(tmp_path / "a", fixed, max_trials=5, resume=True, **settings)
    small_search(tmp_path / "b", fixed, max_trials=5, **settings)
    rows = read_csv(tmp_path / "a" / "trials.csv")
    assert rows == read_csv(tmp_path / "b" / "trials.csv")
    assert len({row["learning_rate"] for row in rows}) == 5


def test_a_chief_and_a_worker_share_a_search(tmp_path, monkeypatch):
    """The chief is a thread here; `distributed_test` runs processes."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    results = []
    settings = {
        "max_trials": 2,
        "ranges": {**RANGES, "optimizer": ValueChoice(("sgd", "adam"))},
    }
    fixed = {n: v for n, v in FIXED.items() if n != "optimizer"}

    def lead():
        results.append(small_search(tmp_path / "shared", fixed, **settings))

    chief = threading.Thread(target=lead, daemon=True)
    chief.start()
    _wait_for_port(port)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    assert small_search(tmp_path / "shared", fixed, **settings) is None
    chief.join(30)
    assert [trial.status for trial in results[0].trials] == ["completed"] * 2
    for trial in results[0].trials:
        assert 0.001 <= trial.values["learning_rate"] <= 0.1
        assert trial.values["optimizer"] in ("sgd", "adam")
        assert 4 <= trial.values["mlp_dim"] <= 8


def _wait_for_port(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("The chief does not listen after 30 seconds.")


def test_the_command_searches(tmp_path, capsys):
    write_records(tmp_path / "train.jsonl", make_source(24))
    write_records(tmp_path / "validation.jsonl", make_source(10, seed=1))
    (tmp_path / "h.json").write_text(json.dumps(FIXED))
    command = (
        "tune --train {d}/train.jsonl --validation {d}/validation.jsonl "
        "--hyperparameters {d}/h.json --directory {d}/search --max-trials 1 "
        "--only-ranges --range dropout=0:0.5 --range mlp_dim=4:8 --choice "
        "mlp_activation=tanh,relu --best-model-dir {d}/best"
    )
    assert main(command.format(d=tmp_path).split()) == 0
    lines = capsys.readouterr().out
    assert "1 trials: 1 completed" in lines
    assert {*read_json(tmp_path / "search" / "search.json")["ranges"]} == {
        *("mlp_dim", "dropout", "mlp_activation")
    }
    evaluation = "evaluate --model {d}/best --data {d}/validation.jsonl"
    assert main(evaluation.format(d=tmp_path).split()) == 0
    assert main(command.format(d=tmp_path).split()) == 2
    assert "already holds a search" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"search": "grid"}, "`search` must be one of random, hyperband"),
        ({"max_trials": 0}, "`max_trials` must be an integer of at least 1"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        (
            {"resume": True, "overwrite": True},
            "`resume` and `overwrite` must not be given both",
        ),
        ({"objective": "test:accuracy"}, "must not be a metric of the test"),
    ],
)
def test_bad_arguments_are_refused(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        small_search(tmp_path, **settings)


def test_hyperband_refuses_rates_that_fall_to_0_at_an_end(tmp_path):
    fixed = {**FIXED, "learning_rate_schedule": "cosine"}
    with pytest.raises(ValueError, match='must be "constant" for Hyperband'):
        small_search(tmp_path / "search", fixed, search="hyperband")
    assert not (tmp_path / "search").exists()


def test_hyperband_plans_its_own_trials(tmp_path):
    with pytest.raises(ValueError, match="`max_trials` must be left out"):
        small_search(tmp_path, search="hyperband", max_trials=3)


def test_workers_of_one_training_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"worker": ["a:1", "b:1"]}, '
        '"task": {"type": "worker", "index": 0}}',
    )
    with pytest.raises(ValueError, match="`TF_CONFIG` must not name several"):
        small_search(tmp_path)


def test_half_of_the_chiefs_variables_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    with pytest.raises(ValueError, match="`KERASTUNER_TUNER_ID` must be set"):
        small_search(tmp_path)


@pytest.mark.slow
def test_memory_is_freed_between_trials(tmp_path):
    alive = []

    class Counting(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            gc.collect()
            alive.append(weakref.ref(self.model))

    small_search(tmp_path, callbacks=lambda: [Counting()], max_trials=3)
    assert [ref() is None for ref in alive[:-1]] == [True, True]
