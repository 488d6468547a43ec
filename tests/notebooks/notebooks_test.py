"""Every notebook runs, in its quick size; see `notebooks/sizes.py`."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from notebooks.run import notebook_paths
from notebooks.run import read_notebook
from tests.datasets.local_data import require_local_data

# What is neither in the repository nor free to be there.
NEEDED_DATA = {
    "02_movielens": ("ml-100k",),
    "03_sentence_similarity": ("stsb", "sick", "glove", "wordnet"),
    "04_labels_and_descriptions": ("netflix-titles",),
    "05_document_retrieval": ("wordnet",),
    "06_products_from_baskets": ("groceries",),
    "09_from_sagemaker": ("ml-100k",),
}
ROOT = pathlib.Path(__file__).parents[2]
MOST_LINES = 15
# Of one machine, or of no interest.
UNWANTED = re.compile(r"/tmp/|/home/|/work/|/root/|Warning|WARNING|INFO:")

# The others take minutes.
QUICK = {"01_quickstart", "04_labels_and_descriptions"}


def each_notebook(slow_ones):
    return pytest.mark.parametrize(
        "path",
        [
            pytest.param(
                path,
                id=path.stem,
                marks=[pytest.mark.slow]
                * (slow_ones and path.stem not in QUICK),
            )
            for path in notebook_paths()
        ],
    )


def test_no_number_is_there_twice():
    numbers = [path.stem[:2] for path in notebook_paths()]
    assert len(set(numbers)) == len(numbers) > 0


@each_notebook(slow_ones=True)
def test_quick_run_succeeds(path):
    require_local_data(*NEEDED_DATA.get(path.stem, ()))
    # In a process of its own: the kernel's client leaves sockets behind.
    run = subprocess.run(
        [sys.executable, "-m", "notebooks.run", "--check", path.stem],
        cwd=ROOT,
        env={**os.environ, "O2V_QUICK": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]


@each_notebook(slow_ones=False)
def test_committed_outputs_are_of_a_whole_run(path):
    cells = read_notebook(path).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    expected = list(range(1, len(code) + 1))
    assert [cell.execution_count for cell in code] == expected
    assert any(cell.outputs for cell in code)


@each_notebook(slow_ones=False)
def test_outputs_tell_nothing_of_the_machine(path):
    for cell in read_notebook(path).cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or str(
                output.get("data", {}).get("text/plain", "")
            )
            assert not UNWANTED.search(text), text


@each_notebook(slow_ones=False)
def test_cells_are_short(path):
    for cell in read_notebook(path).cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= MOST_LINES, lines[0]
