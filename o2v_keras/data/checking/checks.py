"""Checks pairs before training and reports all kinds of trouble at once."""

import json
import math
import os
from collections import Counter
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.check_report import CASES_SHOWN
from o2v_keras.data.checking.check_report import CheckReport
from o2v_keras.data.checking.check_report import Problem
from o2v_keras.data.checking.check_report import join_problems
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.checking.value_checks import check_values
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.read.record import Fault
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.user_warning import warn_user

Records = Callable[[RowOrigin], list[str]]
# A share of bad rows that is larger is more likely a fault of the whole file.
MAX_SKIPPED = 0.01


def check_pairs(
    table: PairTable,
    config: Object2VecConfig | None = None,
    rejected: RejectedRows | None = None,
    training: bool = False,
) -> CheckReport:
    """Reports everything that is wrong with a table, by file and line.

    Errors are what SageMaker refuses or silently gets wrong: records that
    are no pairs, empty sequences, ids that are negative or reach
    `vocab_size`, labels that are no class or not finite, weights that are
    negative or not finite, and, where negatives will be drawn, labels other
    than 1. Warnings are id 0 as a real token,
    which every encoder masks, and sequences that `max_seq_len` cuts. Zeros at
    the end of a sequence are padding and are not reported.

    Args:
        table: `PairTable`; a side or the labels may be absent.
        config: `Object2VecConfig` the data must fit. Defaults to `None`:
            only what holds for every configuration is checked.
        rejected: `RejectedRows` that the reader found. Defaults to `None`.
        training: Whether the rows are to be trained on, so that both sides
            and labels must be there, and must be positives if negatives will
            be drawn. Defaults to `False`.

    Returns:
        A `CheckReport`.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=5)
    >>> table = PairTable.from_arrays([[1, 2], [7]], [[3], [4]], [1, 0])
    >>> check_pairs(table, config).errors[0].cases
    ('row 1: in0[0]=7',)
    """
    rejected = RejectedRows.none() if rejected is None else rejected
    findings = check_values(table, config, training)
    bad_rows = np.zeros(len(table), bool)
    for finding in findings:
        if finding.severity == "error":
            bad_rows[finding.rows] = True
    return CheckReport(
        problems=_problems(table, rejected, findings),
        rows=len(table) + len(rejected),
        unusable_rows=int(bad_rows.sum()) + len(rejected),
        bad_rows=bad_rows,
        findings=tuple(findings),
    )


def drop_bad_rows(
    table: PairTable,
    report: CheckReport,
    rejected: RejectedRows | None,
    side_file: str | os.PathLike,
    records: Records | None = None,
    max_skipped: float = MAX_SKIPPED,
) -> PairTable:
    """Leaves out the rows with errors and writes them to a side file.

    Args:
        table: `PairTable`.
        report: `CheckReport` of this table.
        rejected: `RejectedRows` that the reader found, or `None`.
        side_file: Where all unusable rows go with their reasons, as JSON
            Lines (see `RejectedRows.write`). Written also when there are
            none, so that no older file is mistaken for this one's.
        records: As in `unusable_rows`.
        max_skipped: float from 0 to 1. Share of the rows that may be left
            out. Defaults to 0.01.

    Returns:
        A `PairTable` of the rows without errors. A warning says how many
        rows are missing from it.

    Raises:
        DataError: If no row is left, or more than `max_skipped` have errors.
    """
    unusable_rows(table, report, rejected, records).write(side_file)
    warn_of_skipped_rows(report, side_file, max_skipped)
    return table.take(~report.bad_rows)


def unusable_rows(
    table: PairTable,
    report: CheckReport,
    rejected: RejectedRows | None,
    records: Records | None = None,
) -> RejectedRows:
    """Collects the rows that the reader or the check refused.

    Args:
        table: `PairTable`.
        report: `CheckReport` of this table.
        rejected: `RejectedRows` that the reader found, or `None`.
        records: Gives the rows of an origin as the user wrote them. Defaults
            to `None`: the table's ids tell them.
    """
    bad = _rejected_by_value(table, report, records)
    return RejectedRows.concat([bad] if rejected is None else [rejected, bad])


def skipped_share(skip_bad_rows: bool | float) -> float | None:
    """Returns the share of rows that may be left out, `None` for none.

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


def warn_of_skipped_rows(
    report: CheckReport,
    side_file: str | os.PathLike,
    max_skipped: float,
) -> None:
    """Says how many rows were left out and where they are.

    Args:
        report: `CheckReport` of all rows.
        side_file: Where the unusable rows went.
        max_skipped: As in `drop_bad_rows`.

    Raises:
        DataError: If no row is left, or more than `max_skipped` have errors.
    """
    if report.unusable_rows == report.rows:
        raise DataError(f"No row is left to use. {report}")
    refuse_too_many_skipped(
        report.unusable_rows, report.rows, max_skipped, str(report)
    )
    if report.unusable_rows:
        warn_user(
            f"{report.unusable_rows:,} of {report.rows:,} rows have errors "
            f"and are left out; {side_file} holds them with the reasons.",
        )


def refuse_too_many_skipped(
    skipped: int, rows: int, max_skipped: float, details: str
) -> None:
    """Raises `DataError` if a larger share of rows has errors than may."""
    if skipped > max_skipped * rows:
        share = math.ceil(10_000 * skipped / rows) / 10_000
        raise DataError(
            f"{skipped:,} of {rows:,} rows have errors, more than the share "
            f"of {max_skipped:.4g} that may be left out. Mend the data, or "
            f"allow more: --skip-bad-rows {share:.4g}, in Python "
            f"skip_bad_rows={share:.4g}. {details}"
        )


def _problems(table, rejected, findings):
    return join_problems(
        (
            *_problems_of_rejected(rejected),
            *(_problem_of(finding, table) for finding in findings),
        )
    )


def _problems_of_rejected(rejected):
    counts, cases = Counter(), defaultdict(list)
    for row, faults in enumerate(rejected.faults):
        for field, kind, what in faults:
            counts[field, kind] += 1
            if counts[field, kind] <= CASES_SHOWN:
                place = rejected.origin.locate(row)
                cases[field, kind].append(f"{place}: {what}")
    for (field, kind), count in counts.items():
        shown = tuple(cases[field, kind])
        yield Problem(field, kind, "error", count, shown, ADVICE[kind])


def _problem_of(finding, table):
    return Problem(
        finding.field,
        finding.kind,
        finding.severity,
        len(finding.rows),
        tuple(
            f"{table.locate(row)}: {finding.describe(row)}"
            for row in finding.rows[:CASES_SHOWN]
        ),
        finding.advice,
        finding.proposed,
    )


def _rejected_by_value(table, report, records):
    faults = {row: [] for row in np.flatnonzero(report.bad_rows)}
    for finding in report.findings:
        if finding.severity == "error":
            field, kind = finding.field, finding.kind
            for row in finding.rows:
                faults[row].append(Fault(field, kind, finding.describe(row)))
    rows = list(faults)
    origin = table.origin.take(rows)
    texts = records and rows and records(origin)
    return RejectedRows(
        origin,
        tuple(texts or (_record(table, row) for row in rows)),
        tuple(tuple(faults[row]) for row in rows),
    )


def _record(table, row):
    record = {name: side[row].tolist() for name, side in table.sides.items()}
    if table.labels is not None:
        record["label"] = float(table.labels[row])
    if table.weights is not None:
        record["weight"] = float(table.weights[row])
    return json.dumps(record)
