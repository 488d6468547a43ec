import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_runs_and_beats_the_most_frequent_categories(tmp_path):
    demo = subprocess.run(
        [sys.executable, "-m", "notebooks.wordnet_demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert demo.returncode == 0, demo.stderr
    assert "warning" not in demo.stderr.lower()
    lines = [line.split() for line in demo.stdout.splitlines()]
    first, in_three = next(line[1:] for line in lines if line[:1] == ["model"])
    assert float(first) > 0.5
    assert float(in_three) > 0.7
    build = tmp_path / "build" / "demo"
    assert (build / "export" / "1" / "saved_model.pb").is_file()
    assert (build / "categories.png").is_file()
