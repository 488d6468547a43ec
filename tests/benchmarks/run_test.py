"""The benchmarks' runner, and every benchmark in its quick size."""

import os
import pathlib
import subprocess
import sys

import pytest

from benchmarks import run
from tests.datasets.local_data import require_local_data

ROOT = pathlib.Path(__file__).parents[2]
NEEDED_DATA = {
    "benchmarks.quality.sentences": ("stsb", "sick", "glove", "wordnet"),
    "benchmarks.quality.movielens": ("ml-100k", "ml-1m"),
    "benchmarks.quality.wordnet": ("wordnet",),
}
# Play rounds for a benchmark that starts them.
CONTESTANTS = {
    "benchmarks.two_tables",
    "benchmarks.tokenizing.hugging_face",
    "benchmarks.tokenizing.ours",
    "benchmarks.tokenizing.python_loop",
    "benchmarks.tokenizing.reference",
    "benchmarks.training.matrix_products",
    "benchmarks.training.ours",
    "benchmarks.training.pytorch",
    "benchmarks.training.stock_keras",
}


@pytest.mark.parametrize(
    "command",
    [command for suite in run.SUITES.values() for command in suite],
    ids=" ".join,
)
@pytest.mark.slow
def test_quick_run_succeeds(command):
    require_local_data(*NEEDED_DATA.get(command[0], ()))
    finished = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "O2V_QUICK": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "the figures mean nothing" in finished.stdout
    assert "TF_ENABLE_ONEDNN_OPTS" not in finished.stderr


def test_every_benchmark_is_in_a_suite():
    guarded = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in (ROOT / "benchmarks").rglob("*.py")
        if '__name__ == "__main__"' in file.read_text()
    }
    programs = {name.removesuffix(".__main__") for name in guarded}
    in_suites = {suite[0] for suite in sum(run.SUITES.values(), ())}
    # `soak` needs the environment with Beam.
    others = {"benchmarks.run", "benchmarks.soak"} | CONTESTANTS
    assert programs - others == in_suites


def test_goes_on_past_a_failure_and_exits_1(monkeypatch, capfd):
    commands = (("calendar", "--no-such-option"), ("calendar", "2026", "11"))
    monkeypatch.setitem(run.SUITES, "speed", commands)
    monkeypatch.setattr(sys, "argv", ["run", "speed"])
    assert run.main() == 1
    said = capfd.readouterr()
    assert "November 2026" in said.out
    assert said.err.endswith("failed: calendar --no-such-option\n")
    monkeypatch.setitem(run.SUITES, "speed", commands[1:])
    assert run.main() == 0
