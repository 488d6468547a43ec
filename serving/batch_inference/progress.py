"""How far a job is, on the standard error output."""

import sys
import time
from typing import TextIO

from rich import progress
from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar on a terminal, a line now and then elsewhere.

    Args:
        stream: Where to write. Defaults to `None`: `sys.stderr`.
        seconds: Between two lines. Defaults to 10.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        seconds: float = _SECONDS_BETWEEN_LINES,
    ):
        self._stream = stream or sys.stderr
        self._seconds = seconds
        self._bar = None
        if self._stream.isatty():
            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.TaskProgressColumn(),
                progress.TextColumn("{task.fields[state]}"),
                console=Console(file=self._stream),
            )
            self._task = self._bar.add_task("", total=1.0, state="")

    def __enter__(self):
        self._began = self._told = time.monotonic()
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def update(self, share: float, skipped: float, rows: int):
        """Tells how far the job is.

        Args:
            share: Part of the input that is done, 0 to 1.
            skipped: Part that earlier runs have done.
            rows: Rows that this run has answered.
        """
        now = time.monotonic()
        seconds = max(1e-9, now - self._began)
        done = share - skipped
        state = f"{rows / seconds:,.0f} rows/s"
        # Of a packed CSV file it is not known how much is done.
        if done > 0:
            state += f", {_clock(seconds * (1.0 - share) / done)} left"
        if self._bar:
            self._bar.update(self._task, completed=share, state=state)
        elif now - self._told >= self._seconds:
            self._told = now
            print(f"{share:.0%}, {state}", file=self._stream, flush=True)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
