"""What reading texts shows while it runs."""

import sys
import time

from rich import progress

from o2v_keras.progress_lines import ProgressLines


class ReadingProgress:
    """A line that moves, with rows and rows per second.

    Where the output is no terminal, `ProgressLines`. Used as a context
    manager.

    Args:
        what: What is done, such as `"tokenizing train.csv"`.
        verbose: 0 or 1. 0 shows nothing.
    """

    def __init__(self, what: str, verbose: int = 1):
        self._what = what
        self._bar = self._lines = None
        self._rows = 0
        if verbose and not sys.stdout.isatty():
            self._lines = ProgressLines(what)
        elif verbose:
            self._bar = progress.Progress(
                progress.SpinnerColumn(),
                progress.TextColumn("{task.description}", markup=False),
                transient=True,
            )

    def __enter__(self):
        self._began = time.monotonic()
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=None)
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def add(self, rows: int) -> None:
        """Shows that further rows are done."""
        self._rows += rows
        if self._lines:
            self._lines.add(rows)
        if self._bar:
            seconds = max(time.monotonic() - self._began, 1e-9)
            speed = self._rows / seconds
            text = f"{self._what}: {self._rows:,} rows ({speed:,.0f} rows/s)"
            self._bar.update(self._task, description=text)
