"""Two worker processes against one process with the same global batch."""

import json

import numpy as np
import pytest

from tests.training.worker_processes import read_log
from tests.training.worker_processes import start_workers
from tests.training.worker_program import run

FILES = [
    "checkpoint.zip",
    "config.json",
    "history.csv",
    "logs",
    "metrics.json",
    "model.keras",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two workers have left what they have to say."""
    return train_in_two(tmp_path_factory.mktemp("workers"), "pooled")


def train_in_two(folder, variant):
    program = ["-m", "tests.training.worker_program", str(folder), variant]
    workers = start_workers(program, folder)
    try:
        statuses = [worker.wait(timeout=150) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert statuses == [0, 0], [read_log(folder, i) for i in (0, 1)]
    return folder


def outcomes(folder, name):
    paths = (folder / f"{name}.{index}.json" for index in (0, 1))
    return [json.loads(path.read_text()) for path in paths]


def assert_same_as_one_worker(folder, variant):
    alone = run(variant, folder / "alone")
    for outcome in outcomes(folder, variant):
        history = outcome["history"]
        assert history.keys() == alone.history.history.keys()
        for name, values in alone.history.history.items():
            if name not in ("seconds", "examples_per_second"):
                np.testing.assert_allclose(
                    history[name], values, rtol=1e-5, err_msg=name
                )
        test = outcome["report"]["test"]
        assert test == pytest.approx(alone.report["test"], rel=1e-5)
    for index in (0, 1):
        with np.load(folder / f"{variant}.{index}.npz") as arrays:
            weights = list(arrays.values())
        for weight, other in zip(
            weights, alone.model.get_weights(), strict=True
        ):
            np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


def test_two_workers_train_as_one(folder):
    assert_same_as_one_worker(folder, "pooled")


@pytest.mark.slow
def test_two_workers_train_a_bilstm_as_one(tmp_path):
    train_in_two(tmp_path, "bilstm")
    assert_same_as_one_worker(tmp_path, "bilstm")


def test_all_stop_early_together(folder):
    for outcome in outcomes(folder, "pooled"):
        assert len(outcome["history"]["loss"]) == 3


def test_only_the_chief_writes_and_prints(folder):
    chief, other = outcomes(folder, "pooled")
    assert chief["files"] == FILES
    assert other["files"] == []
    assert "model directory:" in read_log(folder, 0)
    assert read_log(folder, 1) == ""


def test_keras_still_needs_our_help(folder):
    """Fails when a newer Keras fits under several workers by itself.

    Then `training/distribution.py` can do without what its tests are about.
    """
    for errors in outcomes(folder, "errors"):
        assert "Attempt to convert a value" in errors["symbolic_build"]
        assert "Invalid reduction dimension 0" in errors["metrics"]


def test_workers_must_train_the_same(folder):
    for errors in outcomes(folder, "errors"):
        expected = "same hyperparameters, but worker 1 (127.0.0.1:"
        assert expected in errors["disagreement"]
        assert "'seed': 1" in errors["disagreement"]


def test_workers_choose_their_devices_themselves(folder):
    for errors in outcomes(folder, "errors"):
        assert "`replicas` must be left out" in errors["late_replicas"]
