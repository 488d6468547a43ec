"""What a conversion shows while it runs."""

import sys
import time

from rich import progress

_SECONDS_BETWEEN_LINES = 10


class ConversionProgress:
    """Rows and rows per second: a line that moves, or one every ten seconds.

    The latter where the output is no terminal. Used as a context manager.

    Args:
        verbose: 0 or 1. 0 shows nothing.
    """

    def __init__(self, verbose: int):
        self._verbose = verbose
        self._bar = None

    def __enter__(self):
        self._began = self._shown = time.monotonic()
        if self._verbose and sys.stdout.isatty():
            self._bar = progress.Progress(
                progress.SpinnerColumn(),
                progress.TextColumn("{task.description}"),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("reading", total=None)
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def update(self, rows: int, shards: int) -> None:
        """Shows how far it is: rows read, and shards that are whole."""
        text = self._text(rows, shards)
        if self._bar:
            self._bar.update(self._task, description=text)
        elif time.monotonic() - self._shown > _SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            self.say(text)

    def finish(self, rows: int, shards: int, place: str) -> None:
        """Says what was made."""
        self.say(f"{self._text(rows, shards)}: {place}")

    def say(self, text: str) -> None:
        """Prints a line."""
        if self._verbose:
            print(text, flush=True)

    def _text(self, rows, shards):
        seconds = max(time.monotonic() - self._began, 1e-9)
        shards = "1 shard" if shards == 1 else f"{shards} shards"
        return f"{rows:,} rows ({rows / seconds:,.0f} rows/s), {shards}"
