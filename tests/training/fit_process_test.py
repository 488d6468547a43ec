"""A training that is really killed, from the command line."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history

ROWS = 800


ROOT = pathlib.Path(__file__).parents[2]


def write(path, source):
    columns = zip(*source.values(), strict=True)
    with open(path, "w") as file:
        for in0, in1, label in columns:
            record = {"in0": in0.tolist(), "in1": in1.tolist()}
            file.write(json.dumps({**record, "label": int(label)}) + "\n")


def wait_for_mid_epoch(process, path, epoch):
    """Waits until the checkpoint lies within an epoch."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        # For a moment it has its other name only, as the earlier one.
        with contextlib.suppress(FileNotFoundError):
            checkpoint = Checkpoint(path)
            assert checkpoint.epoch <= epoch
            if checkpoint.epoch == epoch and checkpoint.batch:
                return
        time.sleep(0.002)
    raise AssertionError("No checkpoint within the epoch after a minute.")


@pytest.mark.slow
def test_survives_kill_9_in_mid_epoch(tmp_path):
    config = make_config(dropout=0.3, negative_sampling_rate=1, epochs=2)
    train_source = make_source(ROWS, label=1)
    validation_source = make_source(20)
    write(tmp_path / "train.jsonl", train_source)
    write(tmp_path / "validation.jsonl", validation_source)
    (tmp_path / "h.json").write_text(json.dumps(config.to_dict()))
    model_dir = tmp_path / "model"
    command = [
        *(sys.executable, "-m", "o2v_keras", "train"),
        *("--train", "train.jsonl", "--validation", "validation.jsonl"),
        *("--hyperparameters", "h.json", "--model-dir", "model"),
        *("--checkpoint-minutes", "0.00001", "--steps-per-execution", "3"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    settings = {
        "cwd": tmp_path,
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }
    with subprocess.Popen(command, **settings) as process:
        wait_for_mid_epoch(process, model_dir / "checkpoint.zip", epoch=1)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(read_history(model_dir)) == 1
    assert not (model_dir / "model.keras").exists()
    checkpoint = Checkpoint(model_dir / "checkpoint.zip")
    assert checkpoint.batch < 2 * ROWS // 8

    resumed = subprocess.run(command + ["--resume"], timeout=90, **settings)
    assert resumed.returncode == 0, resumed.stdout
    expected = f"Resuming at epoch 1, batch {checkpoint.batch}."
    assert expected in resumed.stdout

    uninterrupted = train(
        config,
        train_source,
        validation_source,
        model_dir=tmp_path / "uninterrupted",
        verbose=0,
    )
    histories = map(read_history, (model_dir, tmp_path / "uninterrupted"))
    for line, other in zip(*histories, strict=True):
        np.testing.assert_allclose(
            list(line.values()), list(other.values()), rtol=1e-4
        )
    weights = zip(
        load_model(model_dir).get_weights(),
        uninterrupted.model.get_weights(),
        strict=True,
    )
    for weight, other in weights:
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-5)
