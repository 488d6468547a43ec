import pytest

from o2v_keras import progress_lines
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.progress_lines import ProgressLines
from o2v_keras.progress_lines import lines_on_stderr


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(progress_lines, "SECONDS_BETWEEN_LINES", 0)


def test_a_line_comes_when_it_is_due(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with lines_on_stderr():
        lines = ProgressLines("embedding in1", total=4000)
        for _ in range(4):
            now[0] += 6
            lines.add(1000)
    assert capsys.readouterr().err.splitlines() == [
        "embedding in1: 2,000 of 4,000 rows",
        "embedding in1: 4,000 of 4,000 rows",
    ]


def test_a_program_of_ones_own_hears_nothing(capsys, no_waiting):
    with lines_on_stderr():
        pass
    ProgressLines("ranking").add(1)
    captured = capsys.readouterr()
    assert not captured.out + captured.err


def test_reading_into_a_file_says_how_far_it_is(tmp_path, capsys, no_waiting):
    path = tmp_path / "a.jsonl"
    path.write_text('{"in0": [1], "in1": [2], "label": 1}\n' * 3)
    with lines_on_stderr():
        read_pairs(path)
    assert capsys.readouterr().err == f"reading {path}: 3 rows\n"
