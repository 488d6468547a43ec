"""Worker processes that are really killed, from the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.train import train
from tests.training.distribute.worker_processes import environment
from tests.training.distribute.worker_processes import read_log
from tests.training.distribute.worker_processes import start_workers
from tests.training.distribute.worker_processes import tf_configs
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history
from tests.training.small_training import write_records

pytestmark = pytest.mark.slow
CONFIG = make_config(
    optimizer="sgd",
    learning_rate=0.1,
    # No kinks, where rounding could choose another side.
    comparator_list="hadamard, concat",
    epochs=3,
    early_stopping_patience=9,
)
TRAIN, VALIDATION = make_source(800), make_source(20)
COMMAND = [
    *("train", "--train", "train.jsonl", "--validation", "validation.jsonl"),
    *("--hyperparameters", "h.json", "--model-dir", "model"),
    *("--checkpoint-minutes", "0.001"),
]


@pytest.fixture
def folder(tmp_path):
    for name, source in (("train", TRAIN), ("validation", VALIDATION)):
        write_records(tmp_path / f"{name}.jsonl", source)
    (tmp_path / "h.json").write_text(json.dumps(CONFIG.to_dict()))
    return tmp_path


def wait_for_mid_epoch(folder, epoch):
    """Returns the checkpoint, once it lies within the epoch."""
    deadline = time.monotonic() + 150
    path = folder / "model" / "checkpoint.zip"
    while time.monotonic() < deadline:
        if path.exists():
            checkpoint = Checkpoint(path)
            if checkpoint.epoch == epoch and checkpoint.batch:
                return checkpoint
        time.sleep(0.02)
    raise AssertionError("No checkpoint within the epoch.")


@pytest.mark.parametrize("killed", [0, 1], ids=["chief", "worker"])
def test_survivor_ends_with_a_sentence_within_a_minute(folder, killed):
    workers = start_workers(["-m", "o2v_keras", *COMMAND], folder)
    survivor = 1 - killed
    try:
        wait_for_mid_epoch(folder, epoch=1)
        workers[killed].kill()
        assert workers[survivor].wait(timeout=60) == os.EX_TEMPFAIL
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    log = read_log(folder, survivor)
    assert f"Lost the connection to worker {killed} (127.0.0.1:" in log
    assert f"so worker {survivor} (127.0.0.1:" in log
    assert "Start all workers again with `--resume`" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGTERM, -signal.SIGTERM, id="sigterm"),
        pytest.param(signal.SIGINT, 128 + signal.SIGINT, id="sigint"),
    ],
)
def test_signal_ends_a_training_worker(folder, number, status):
    workers = start_workers(["-m", "o2v_keras", *COMMAND], folder)
    try:
        wait_for_mid_epoch(folder, epoch=1)
        for worker in workers:
            worker.send_signal(number)
        assert [worker.wait(timeout=10) for worker in workers] == [status] * 2
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


@pytest.mark.parametrize(
    ("index", "whom"), [(0, "others"), (1, "chief")], ids=["chief", "worker"]
)
def test_says_whom_it_waits_for_until_interrupted(folder, index, whom):
    config = tf_configs(2)[index]
    peer = json.loads(config)["cluster"]["worker"][1 - index]
    with subprocess.Popen(
        [sys.executable, "-m", "o2v_keras", *COMMAND],
        cwd=folder,
        env={**environment(), "TF_CONFIG": config},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as worker:
        try:
            expected = f"worker {index} of 2 waits for the {whom} at {peer}\n"
            assert worker.stdout.readline() == expected
            # Until TensorFlow waits.
            time.sleep(3)
            worker.send_signal(signal.SIGINT)
            assert worker.wait(timeout=5) == -signal.SIGINT
        finally:
            worker.kill()


def test_sigterm_ends_launch_and_its_workers(folder):
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "o2v_keras"),
            *("launch", "--workers", "2", "--", *COMMAND),
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as launcher:
        try:
            wait_for_mid_epoch(folder, epoch=1)
            workers = children(launcher)
            launcher.terminate()
            assert launcher.wait(timeout=15) == 128 + signal.SIGTERM
        finally:
            launcher.terminate()
        sentence = "o2v launch: stopped by SIGTERM; continue with --resume\n"
        assert launcher.stderr.read() == sentence
    assert len(workers) == 2
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


@pytest.mark.parametrize("killed", [0, 1], ids=["chief", "worker"])
def test_launch_finishes_what_a_kill_interrupted(folder, killed):
    launcher = subprocess.Popen(
        [
            *(sys.executable, "-m", "o2v_keras"),
            *("launch", "--workers", "2", "--", *COMMAND),
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with launcher:
        try:
            wait_for_mid_epoch(folder, epoch=1)
            os.kill(children(launcher)[killed], signal.SIGKILL)
            output, _ = launcher.communicate(timeout=200)
        finally:
            launcher.terminate()
    assert launcher.returncode == 0, output
    assert "ended with status 137; restarting" in output
    resumed = [line for line in output.splitlines() if "Resuming" in line]
    assert len(resumed) == 1
    assert not resumed[0].endswith("epoch 1, batch 0."), resumed
    alone = folder / "alone"
    train(CONFIG, TRAIN, VALIDATION, model_dir=alone, verbose=0)
    histories = read_history(folder / "model"), read_history(alone)
    assert len(histories[0]) == CONFIG.epochs
    for line, other in zip(*histories, strict=True):
        np.testing.assert_allclose(
            list(line.values()), list(other.values()), rtol=1e-4
        )
