import re
import types

import pytest

from o2v_keras import progress
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.progress import Progress
from o2v_keras.progress import progress_on_stderr


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    # Not the clock of the process: servers of other tests run in it.
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("o2v_keras.progress.time", clock)
    return now


def take_for_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_FRAMES", 0)


def test_a_line_comes_when_it_is_due(capsys, clock):
    with progress_on_stderr(), Progress("embedding in1", 4000) as shown:
        for _ in range(4):
            clock[0] += 6
            shown.add(1000)
    assert capsys.readouterr().err.splitlines() == [
        "embedding in1: 50%, 2,000 of 4,000 rows, 167 rows/s, 0:00:12 left",
        "embedding in1: 100%, 4,000 of 4,000 rows, 167 rows/s, 0:00:00 left",
    ]


def test_a_total_that_is_not_known_is_not_shown(capsys, clock, no_waiting):
    with progress_on_stderr(), Progress("reading", unit="texts") as shown:
        clock[0] += 2
        shown.add(10, "2 files")
    error = capsys.readouterr().err
    assert error == "reading: 10 texts, 5.0 texts/s, 2 files\n"


def test_time_left_counts_only_this_run(capsys, clock, no_waiting):
    with progress_on_stderr():
        with Progress("answering") as shown:
            clock[0] += 60
            # A quarter took a minute, so the other half takes two.
            shown.reach(600, share=0.5, share_before=0.25)
        with Progress("epoch 2", 40, "batches", done=10) as shown:
            clock[0] += 60
            shown.reach(20)
    assert capsys.readouterr().err.splitlines() == [
        "answering: 50%, 600 rows, 10 rows/s, 0:02:00 left",
        "epoch 2: 50%, 20 of 40 batches, 0.2 batches/s, 0:02:00 left",
    ]


def test_a_program_of_ones_own_hears_nothing(capsys, no_waiting):
    with progress_on_stderr():
        pass
    with Progress("ranking") as shown:
        shown.add(1)
    captured = capsys.readouterr()
    assert not captured.out + captured.err


def test_lines_may_go_elsewhere(no_waiting):
    lines = []
    with Progress("a", say=lines.append, verbose=1) as shown:
        shown.add(1)
    with Progress("b", say=lines.append, verbose=0) as shown:
        shown.add(1)
    assert [line.split(":")[0] for line in lines] == ["a"]


@pytest.mark.parametrize("total", [None, 200])
def test_draws_a_bar_on_a_terminal(capsys, monkeypatch, total):
    take_for_a_terminal(monkeypatch)
    with Progress("reading [a].csv", total, verbose=1) as shown:
        shown.add(100)
    error = capsys.readouterr().err
    assert "reading [a].csv" in error
    assert re.search(r"100( of 200)? rows, [\d,]+ rows/s", error)
    # It leaves no line behind.
    assert error.endswith("\x1b[2K")


def test_a_bar_within_a_bar(capsys, monkeypatch):
    take_for_a_terminal(monkeypatch)
    with Progress("outer", verbose=1) as outer:
        with Progress("inner", verbose=1) as inner:
            inner.add(1)
        outer.add(1)
    error = capsys.readouterr().err
    assert "outer" in error
    assert "inner" in error


def test_reading_into_a_file_says_how_far_it_is(tmp_path, capsys, no_waiting):
    path = tmp_path / "a.jsonl"
    path.write_text('{"in0": [1], "in1": [2], "label": 1}\n' * 3)
    with progress_on_stderr():
        read_pairs(path)
    error = capsys.readouterr().err
    assert error.startswith(f"reading {path}: 3 rows, ")
