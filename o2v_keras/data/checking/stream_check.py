"""Checks data that is read piece by piece and never held whole."""

import dataclasses
import os
from collections.abc import Iterable

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.check_report import CheckReport
from o2v_keras.data.checking.check_report import Problem
from o2v_keras.data.checking.checks import MAX_SKIPPED
from o2v_keras.data.checking.checks import Records
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.checks import unusable_rows
from o2v_keras.data.checking.checks import warn_of_skipped_rows
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.file_system import output_files


class StreamCheck:
    """Holds pieces to the rules of `check_pairs`; reports on all at the end.

    Used as a context manager.

    Args:
        config: As in `check_pairs`. Defaults to `None`.
        training: As in `check_pairs`. Defaults to `False`.
        side_file: Where rows with errors go, with their reasons; they are
            then left out. Written under its name plus `.partial` until all
            pieces are checked. Defaults to `None`: any error stops, at the
            end, so that one run names all trouble.
        records: As in `unusable_rows`. Rows with errors then wait for the
            end in memory, so that their files are read once more only.
        max_skipped: Share of the rows that may be left out. Defaults to 0.01.

    Attributes:
        report: `CheckReport` of all pieces so far.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [7]], [[3], [4]], [1, 0])
    >>> with StreamCheck() as check:
    ...     rows = len(check.sound_rows(table, RejectedRows.none()))
    ...     check.finish()
    >>> rows
    2
    """

    def __init__(
        self,
        config: Object2VecConfig | None = None,
        training: bool = False,
        side_file: str | os.PathLike | None = None,
        records: Records | None = None,
        max_skipped: float = MAX_SKIPPED,
    ):
        self.report = CheckReport.none()
        self._config = config
        self._training = training
        self._side_file = side_file and os.fspath(side_file)
        is_device = self._side_file == os.devnull
        self._partial = (
            os.devnull if is_device else f"{self._side_file}.partial"
        )
        self._file = None
        self._records = records
        self._max_skipped = max_skipped
        self._rejected, self._waiting = [], []

    def __enter__(self):
        if self._side_file:
            self._file = output_files().GFile(self._partial, "w")
        return self

    def __exit__(self, *_):
        if self._file:
            self._file.close()

    def sound_rows(self, table: PairTable, rejected: RejectedRows) -> PairTable:
        """Checks a piece and returns its rows without errors."""
        report = check_pairs(table, self._config, rejected, self._training)
        self.report = self.report.joined(report)
        if not report.unusable_rows:
            return table
        if self._file:
            if self._records:
                self._rejected.append(rejected)
                self._waiting.append(unusable_rows(table, report, None))
            else:
                self._write(unusable_rows(table, report, rejected))
        return table.take(~report.bad_rows)

    def note(self, problems: Iterable[Problem]) -> None:
        """Adds problems, none of which is an error, to the report."""
        self.report = self.report.with_problems(problems)

    def finish(self) -> None:
        """Ends the check: warns, puts the side file in place, or stops.

        Raises:
            DataError: If there were errors and no side file, more of them
                than `max_skipped` allows, or no row is left.
        """
        if not self.report.rows:
            raise DataError("The data must hold at least one row.")
        self.report.warn()
        if not self._side_file:
            self.report.raise_for_errors()
            return
        if self._waiting:
            rows = self._as_written(RejectedRows.concat(self._waiting))
            self._write(RejectedRows.concat([*self._rejected, rows]))
        self._file.close()
        if self._partial != self._side_file:
            output_files().rename(
                self._partial, self._side_file, overwrite=True
            )
        warn_of_skipped_rows(self.report, self._side_file, self._max_skipped)

    def _write(self, rows):
        for line in rows.json_lines():
            self._file.write(line)

    def _as_written(self, rows):
        return dataclasses.replace(
            rows, records=tuple(self._records(rows.origin))
        )
