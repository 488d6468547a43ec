"""Lines that say how far a long job is, about every ten seconds."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator

SECONDS_BETWEEN_LINES = 10
_LOGGER = logging.getLogger("o2v_keras.progress")


class Interval:
    """Tells when the next line is due, counted from the last one.

    Example:
    >>> Interval().is_over()
    False
    """

    def __init__(self):
        self._last = time.monotonic()

    def is_over(self) -> bool:
        """Whether ten seconds have passed; if so, they begin again."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return False
        self._last = now
        return True


class ProgressLines:
    """Logs how many rows are done, as the logger `o2v_keras.progress`.

    The `o2v` commands show these lines on the standard error output; a
    program of your own shows them by `logging.basicConfig(level="INFO")`.

    Args:
        what: What is done, such as `"embedding in1"`.
        total: How many rows there are. Defaults to `None`: not known yet.
        unit: What is counted. Defaults to `"rows"`.

    Example:
    >>> lines = ProgressLines("embedding in1", total=3)
    >>> for _ in range(3):
    ...     lines.add(1)
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "rows"):
        self._what = what
        self._of = "" if total is None else f" of {total:,}"
        self._unit = unit
        self._done = 0
        self._interval = Interval()

    def add(self, rows: int) -> None:
        """Says that further rows are done; a line comes if it is due."""
        self.reach(self._done + rows)

    def reach(self, rows: int) -> None:
        """Says how many are done by now; a line comes if it is due."""
        self._done = rows
        if self._interval.is_over():
            text = f"{self._what}: {self._done:,}{self._of} {self._unit}"
            _LOGGER.info(text)


@contextlib.contextmanager
def lines_on_stderr() -> Iterator[None]:
    """Shows the lines on the standard error output, for commands."""
    handler = logging.StreamHandler(sys.stderr)
    level = _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)
