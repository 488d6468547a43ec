"""A search shared by three processes on loopback."""

import json
import os
import socket
import subprocess
import sys

import pytest

from o2v_keras import load_model
from tests.training.distribute.worker_processes import environment
from tests.training.small_training import make_source
from tests.training.small_training import write_records
from tests.tuning.small_search import FIXED
from tests.tuning.small_search import IGNORED
from tests.tuning.small_search import read_csv
from tests.tuning.small_search import read_json

pytestmark = pytest.mark.filterwarnings(IGNORED)
NAMES = ("chief", "worker0", "worker1")


# The chief looks every 20 seconds whether its last worker has ended.
@pytest.mark.slow
@pytest.mark.parametrize("search", ["random", "hyperband"])
def test_chief_and_two_workers(search, tmp_path):
    write_records(tmp_path / "train.jsonl", make_source(24))
    write_records(tmp_path / "validation.jsonl", make_source(10, seed=1))
    fixed = {n: v for n, v in FIXED.items() if n != "optimizer"}
    (tmp_path / "h.json").write_text(json.dumps({**fixed, "epochs": 4}))
    command = [
        *(sys.executable, "-m", "o2v_keras", "tune"),
        *("--train", "train.jsonl", "--validation", "validation.jsonl"),
        *("--hyperparameters", "h.json", "--directory", "search"),
        *("--search", search, "--best-model-dir", "best"),
        # One trial cannot be trained, by whichever worker.
        *(
            "--choice",
            "optimizer=adam,sgd",
            "--choice",
            "mlp_dim=4,100000000000",
        ),
    ]
    if search == "random":
        command += ["--max-trials", "6"]
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    processes = []
    for name in NAMES:
        with open(tmp_path / f"log.{name}", "w") as log:
            processes.append(
                subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    env={
                        **environment(),
                        "KERASTUNER_TUNER_ID": name,
                        "KERASTUNER_ORACLE_IP": "127.0.0.1",
                        "KERASTUNER_ORACLE_PORT": str(port),
                    },
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        statuses = [process.wait(400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = {n: (tmp_path / f"log.{n}").read_text() for n in NAMES}
    assert statuses == [0, 0, 0], logs
    rows = read_csv(tmp_path / "search" / "trials.csv")
    begun = [
        [line for line in logs[name].splitlines() if "dropout=" in line]
        for name in NAMES
    ]
    assert begun[0] == []
    assert all(begun[1:])
    assert len(begun[1]) + len(begun[2]) == len(rows)
    failed = [row for row in rows if row["status"] == "failed"]
    assert failed
    assert all("MemoryError" in row["reason"] for row in failed)
    assert {row["status"] for row in rows} == {"completed", "failed"}
    best = min(float(row["val_loss"]) for row in rows if row["val_loss"])
    metrics = read_json(tmp_path / "best" / "metrics.json")
    assert metrics["validation"]["loss"] == pytest.approx(best)
    assert load_model(tmp_path / "best").config.mlp_dim == 4
    models = list((tmp_path / "search").glob("trial_*/model/model.keras"))
    assert len(models) == 1
    assert os.path.getsize(tmp_path / "search" / "trials.png")
