"""Progress of long jobs: a bar on a terminal, else a log line every 10 s."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator

SECONDS_BETWEEN_LINES = 10
_SECONDS_BETWEEN_FRAMES = 0.1
_LOGGER = logging.getLogger("o2v_keras.progress")


class Progress:
    """Shows how many units of a job are done, the speed and the time left.

    If the standard error is a terminal, shows a bar that disappears at the
    end. Otherwise logs a line every ten seconds, by the logger
    `o2v_keras.progress` at level INFO. `o2v` shows these lines on the standard
    error; other programs show them with `logging.basicConfig(level="INFO")`.
    Use it as a context manager, or call `close` at the end.

    Args:
        what: Name of the job, such as `"embedding in1"`.
        total: Number of units. Defaults to `None`: unknown.
        unit: Name of the units, in the plural. Defaults to `"rows"`.
        done: Units that an earlier run has done. Defaults to 0.
        verbose: 0 or 1. 0 shows nothing. Defaults to `None`: 1 if the logger
            is enabled for INFO, which it is in the `o2v` commands.
        say: Called with each plain line. Defaults to `None`: logs it.

    Example:
    >>> with Progress("embedding in1", total=3) as progress:
    ...     for _ in range(3):
    ...         progress.add(1)
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        unit: str = "rows",
        *,
        done: int = 0,
        verbose: int | None = None,
        say: Callable[[str], None] | None = None,
    ):
        self._what = what
        self._total = total
        self._unit = unit
        self._done = self._done_before = done
        self._say = say or _LOGGER.info
        if verbose is None:
            verbose = _LOGGER.isEnabledFor(logging.INFO)
        self._bar = _make_bar() if verbose and sys.stderr.isatty() else None
        self._pause = SECONDS_BETWEEN_LINES
        if self._bar:
            self._pause = _SECONDS_BETWEEN_FRAMES
            self._bar.start()
            self._task = self._bar.add_task(what, total=total, state="")
        elif not verbose:
            self._pause = float("inf")
        self._began = self._shown = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Removes the bar."""
        if self._bar:
            self._bar.stop()

    def add(self, units: int, note: str = "") -> None:
        """Adds done units; `note` follows the numbers."""
        self.reach(self._done + units, note)

    def reach(
        self,
        done: int,
        note: str = "",
        *,
        share: float | None = None,
        share_before: float = 0.0,
    ) -> None:
        """Sets the number of units that are done.

        Args:
            done: The number.
            note: Follows the numbers. Defaults to nothing.
            share: Share of the job that is done, 0 to 1. Defaults to `None`:
                computed from `total`, if known.
            share_before: Share that an earlier run has done. Defaults to 0.
        """
        self._done = done
        now = time.monotonic()
        if now - self._shown < self._pause:
            return
        self._shown = now
        if share is None and self._total:
            share = done / self._total
            share_before = self._done_before / self._total
        state = self._state(now - self._began, note, share, share_before)
        if not self._bar:
            self._say(f"{self._what}: {state}")
        elif share is None:
            self._bar.update(self._task, state=state)
        else:
            self._bar.update(
                self._task, total=1.0, completed=share, state=state
            )

    def _state(self, seconds, note, share, share_before):
        total = "" if self._total is None else f" of {self._total:,}"
        speed = (self._done - self._done_before) / max(seconds, 1e-9)
        digits = 0 if speed >= 10 else 1
        parts = [
            f"{self._done:,}{total} {self._unit}",
            f"{speed:,.{digits}f} {self._unit}/s",
        ]
        if share is not None:
            parts.insert(0, f"{share:.0%}")
        if share is not None and share > share_before:
            left = seconds * (1.0 - share) / (share - share_before)
            parts.append(f"{_clock(left)} left")
        return ", ".join([*parts, *filter(None, [note])])


@contextlib.contextmanager
def progress_on_stderr() -> Iterator[None]:
    """Logs progress to the standard error while a command runs."""
    handler = logging.StreamHandler(sys.stderr)
    level = _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


def _make_bar():
    # Importing rich takes long, and most runs have no terminal.
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[state]}", markup=False),
        transient=True,
        console=Console(stderr=True),
    )


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
