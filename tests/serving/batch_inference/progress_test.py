import io
import re

from serving.batch_inference.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_elsewhere_than_on_a_terminal():
    stream = io.StringIO()
    with Progress(stream, seconds=0.0) as progress:
        progress.update(0.5, skipped=0.25, rows=100)
    assert re.fullmatch(
        r"50%, [\d,]+ rows/s, 0:00:00 left\n", stream.getvalue()
    )


def test_lines_come_now_and_then():
    stream = io.StringIO()
    with Progress(stream, seconds=1000.0) as progress:
        progress.update(0.5, skipped=0.0, rows=100)
    assert stream.getvalue() == ""


def test_time_left_counts_only_this_run(monkeypatch):
    now = iter([100.0, 160.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = io.StringIO()
    with Progress(stream, seconds=0.0) as progress:
        # A quarter took a minute, so the other half takes two.
        progress.update(0.5, skipped=0.25, rows=600)
    assert stream.getvalue() == "50%, 10 rows/s, 0:02:00 left\n"


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with Progress(stream) as progress:
        progress.update(0.5, skipped=0.0, rows=100)
    assert "50%" in stream.getvalue()
    assert "rows/s" in stream.getvalue()
