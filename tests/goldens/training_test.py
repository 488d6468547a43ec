"""What one training writes down, within what float32 allows."""

import csv
import json

import pytest

from o2v_keras.training.train import train
from tests.goldens import golden
from tests.goldens.sources import make_config
from tests.goldens.sources import make_rows
from tests.goldens.sources import write

NAME = "training"
CLOCK = ("seconds", "examples_per_second")
CHANGES = {
    "negative_sampling_rate": 2,
    "bucket_width": 2,
    "dropout": 0.1,
    "learning_rate": 0.01,
    "epochs": 2,
    "early_stopping_tolerance": 1e-6,
}


def measure(folder):
    rows = make_rows(weights=True)
    train(
        make_config(**CHANGES),
        write(folder, rows[10:], "jsonl"),
        model_dir=folder / "model",
        validation=write(folder, rows[:10], "memory"),
        verbose=0,
    )
    with (folder / "model" / "history.csv").open(newline="") as file:
        history = [
            {n: float(v) for n, v in line.items() if n not in CLOCK}
            for line in csv.DictReader(file)
        ]
    metrics = json.loads((folder / "model" / "metrics.json").read_text())
    return {"history": history, "metrics": _numbers(metrics)}


def _numbers(value, path=""):
    """Flattens what is a number, but for those that a clock wrote."""
    if isinstance(value, dict):
        return {
            key: number
            for name, inner in value.items()
            if name not in CLOCK
            for key, number in _numbers(inner, f"{path}/{name}").items()
        }
    if isinstance(value, list):
        return _numbers(dict(enumerate(value)), path)
    return {path: value} if isinstance(value, int | float) else {}


@pytest.mark.filterwarnings("ignore:.*longer than max_seq_len")
@pytest.mark.filterwarnings("ignore:.*negatives an epoch are left out")
def test_training(tmp_path):
    found = measure(tmp_path)
    history = golden.expected(NAME, "history")
    assert len(found["history"]) == len(history)
    for line, wanted in zip(found["history"], history, strict=True):
        assert line == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    wanted = golden.expected(NAME, "metrics")
    assert found["metrics"] == pytest.approx(wanted, rel=1e-4, abs=1e-5)
