"""A search that is really killed, from the command line."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.training.distribute.worker_processes import environment
from tests.training.small_training import make_source
from tests.training.small_training import read_history
from tests.training.small_training import write_records
from tests.tuning.small_search import FIXED
from tests.tuning.small_search import IGNORED
from tests.tuning.small_search import RANGES
from tests.tuning.small_search import read_csv
from tests.tuning.small_search import small_search

pytestmark = pytest.mark.filterwarnings(IGNORED)
ROWS = 200


def wait_for_epochs(process, path, epochs):
    """Waits until a trial has played this many epochs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if path.exists() and len(read_history(path.parent)) >= epochs:
            return
        time.sleep(0.002)
    raise AssertionError("No such epoch after two minutes.")


# `tune_test` has a version without processes.
@pytest.mark.slow
def test_goes_on_after_kill_9_in_mid_trial(tmp_path):
    fixed = {
        **FIXED,
        "epochs": 40,
        "early_stopping_patience": 40,
        "dropout": 0.3,
    }
    source, held_out = make_source(ROWS), make_source(10, seed=1)
    write_records(tmp_path / "train.jsonl", source)
    write_records(tmp_path / "validation.jsonl", held_out)
    (tmp_path / "h.json").write_text(json.dumps(fixed))
    command = [
        *(sys.executable, "-m", "o2v_keras", "tune"),
        *("--train", "train.jsonl", "--validation", "validation.jsonl"),
        *("--hyperparameters", "h.json", "--directory", "killed"),
        *("--max-trials", "2", "--ranges", "none.json"),
    ]
    (tmp_path / "none.json").write_text("{}")
    for name, values in RANGES.items():
        command += ["--range", f"{name}={values.low}:{values.high}"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        second = tmp_path / "killed" / "trial_1" / "model" / "history.csv"
        wait_for_epochs(process, second, 2)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(read_history(second.parent)) < 40
    first = tmp_path / "killed" / "trial_0" / "model"
    times = {file: file.stat().st_mtime_ns for file in first.rglob("*.csv")}
    before = (tmp_path / "killed" / "trial_0" / "trial.json").read_bytes()

    settings = {
        "fixed": fixed,
        "train": str(tmp_path / "train.jsonl"),
        "validation": str(tmp_path / "validation.jsonl"),
    }
    small_search(tmp_path / "killed", resume=True, **settings)
    after = {file: file.stat().st_mtime_ns for file in first.rglob("*.csv")}
    assert after == times
    trial = tmp_path / "killed" / "trial_0" / "trial.json"
    assert trial.read_bytes() == before
    small_search(tmp_path / "whole", **settings)
    for name in ("trial_0", "trial_1"):
        assert read_history(tmp_path / "killed" / name / "model") == (
            read_history(tmp_path / "whole" / name / "model")
        )
    killed, whole = (
        read_csv(tmp_path / name / "trials.csv") for name in ("killed", "whole")
    )
    assert killed == whole
