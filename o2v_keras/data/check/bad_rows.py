"""Skips unusable rows, or raises an error for them."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TextIO

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.check.report import CheckReport
from o2v_keras.data.check.report import Problem
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.file_system import output_files
from o2v_keras.storage.replace import replaced_file
from o2v_keras.user_warning import warn_user

Records = Callable[[Provenance], list[str]]
# A larger share of bad rows is more likely a fault of the whole file.
MAX_SKIPPED = 0.01


class SoundRows:
    """Checks data with `PairCheck` and returns only rows without errors.

    Use it as a context manager, for one table or block by block.

    Args:
        config: `Object2VecConfig` the data must fit. Defaults to `None`:
            only what holds for every configuration is checked.
        training: Whether the rows are training data (see `PairCheck`).
            Defaults to `False`.
        side_file: File for unusable rows and their reasons, as JSON Lines
            (see `RejectedRows.json_lines`). It is written when all rows are
            checked, even if it is empty, to replace that of an earlier run.
            Defaults to `None`: `finish` raises an error that names all
            problems.
        records: Returns the original records of rows, given their
            `Provenance`. Rows with errors are then kept in memory until
            `finish`, so that each file is read only once more. Defaults to
            `None`: the side file holds the ids.
        max_skipped: float from 0 to 1. Largest share of skipped rows.
            Defaults to 0.01.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [7]], [[3], [4]], [1, 0])
    >>> with SoundRows() as rows:
    ...     sound = rows.add(table)
    ...     report = rows.finish()
    >>> len(sound), report.rows
    (2, 2)
    """

    def __init__(
        self,
        config: Object2VecConfig | None = None,
        training: bool = False,
        side_file: str | os.PathLike[str] | None = None,
        records: Records | None = None,
        max_skipped: float = MAX_SKIPPED,
    ):
        self._check = PairCheck(config, training)
        self._path = None if side_file is None else os.fspath(side_file)
        self._records = records
        self._max_skipped = max_skipped
        self._open = contextlib.ExitStack()
        self._file = None
        self._rejected, self._refused = [], []

    def __enter__(self):
        if self._path:
            self._file = self._open.enter_context(_new_file(self._path))
        return self

    def __exit__(self, *error):
        return self._open.__exit__(*error)

    @property
    def failed(self) -> bool:
        """Whether `finish` will raise an error for a row seen so far."""
        return not self._path and self._check.has_errors

    def add(
        self,
        table: PairTable,
        rejected: RejectedRows | None = None,
        problems: Iterable[Problem] = (),
    ) -> PairTable:
        """Checks the next rows and returns those without errors.

        Args:
            table: `PairTable`; a side or the labels may be absent.
            rejected: `RejectedRows` that the reader found. Defaults to
                `None`.
            problems: `Problem`s that the reader found in texts. Defaults to
                none.
        """
        block = self._check.add(table, rejected, problems)
        if self._path and block.unusable_rows:
            self._rejected.append(block.rejected)
            self._refused.append(block.refused())
            if not self._records:
                self._write()
        return block.sound

    def finish(self) -> CheckReport:
        """Ends the check: warns, and writes the side file or raises an error.

        Returns:
            `CheckReport` of all rows.

        Raises:
            DataError: If there were errors and no side file, more of them
                than `max_skipped` allows, or no row is left.
        """
        report = self._check.report()
        if not report.rows:
            raise DataError(
                "The data must hold at least one row. Received: 0 rows"
            )
        report.warn()
        if not self._path:
            report.raise_for_errors()
            return report
        self._write()
        self._open.close()
        if report.unusable_rows == report.rows:
            raise DataError(f"No row is left to use. {report}")
        refuse_too_many_skipped(
            report.unusable_rows, report.rows, self._max_skipped, str(report)
        )
        if report.unusable_rows:
            warn_user(
                f"{report.unusable_rows:,} of {report.rows:,} rows have "
                f"errors and are left out; {self._path} holds them with the "
                "reasons.",
            )
        return report

    def _write(self):
        if not self._rejected:
            return
        refused = RejectedRows.concat(self._refused)
        if self._records and len(refused):
            records = tuple(self._records(refused.origin))
            refused = dataclasses.replace(refused, records=records)
        rows = RejectedRows.concat([*self._rejected, refused])
        self._rejected, self._refused = [], []
        for line in rows.json_lines():
            self._file.write(line)


def skipped_share(skip_bad_rows: bool | float) -> float | None:
    """Returns the largest share of skipped rows, `None` for no skipping.

    Args:
        skip_bad_rows: bool, or float from 0 to 1. `True` means 0.01.

    Raises:
        ValueError: If it is another number.

    Example:
    >>> skipped_share(True), skipped_share(0.2), skipped_share(False)
    (0.01, 0.2, None)
    """
    if isinstance(skip_bad_rows, bool):
        return MAX_SKIPPED if skip_bad_rows else None
    if not 0 <= skip_bad_rows <= 1:
        raise ValueError(
            "`skip_bad_rows` must be true, false, or the share of rows that "
            "may be left out, a number from 0 to 1. "
            f"Received: skip_bad_rows={skip_bad_rows!r}"
        )
    return float(skip_bad_rows)


def refuse_too_many_skipped(
    skipped: int, rows: int, max_skipped: float, details: str
) -> None:
    """Raises `DataError` if too many rows have errors.

    Args:
        skipped: Number of rows with errors.
        rows: Number of all rows.
        max_skipped: float from 0 to 1. Largest share of skipped rows.
        details: End of the message.

    Raises:
        DataError: If the share of rows with errors is larger.
    """
    if skipped > max_skipped * rows:
        share = math.ceil(10_000 * skipped / rows) / 10_000
        raise DataError(
            f"{skipped:,} of {rows:,} rows have errors, more than the share "
            f"of {max_skipped:.4g} that may be left out. Mend the data, or "
            f"allow more: --skip-bad-rows {share:.4g}, in Python "
            f"skip_bad_rows={share:.4g}. {details}"
        )


@contextlib.contextmanager
def _new_file(path: str) -> Iterator[TextIO]:
    """Yields a text file that takes its name when the block ends well."""
    if is_remote(path):
        with output_files().GFile(f"{path}.partial", "w") as file:
            yield file
        output_files().rename(f"{path}.partial", path, overwrite=True)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with (
        replaced_file(path) as new,
        open(new, "w", encoding="utf-8") as file,
    ):
        yield file
