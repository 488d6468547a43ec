"""Checks pairs block by block, and reports on all blocks together."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.check.report import CASES_SHOWN
from o2v_keras.data.check.report import CheckReport
from o2v_keras.data.check.report import Problem
from o2v_keras.data.check.report import join_problems
from o2v_keras.data.check.sizes import proposal_text
from o2v_keras.data.check.values import Finding
from o2v_keras.data.check.values import are_classes
from o2v_keras.data.check.values import check_values
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.read.record import Fault

# Blocks whose kept rows are collected before they are reduced.
_WAITING = 64


@dataclasses.dataclass(frozen=True, eq=False)
class CheckedBlock:
    """A block of rows and its findings.

    Args:
        table: `PairTable`.
        rejected: `RejectedRows` that the reader could not use.
        findings: list of `Finding`, rows of the table by kind of trouble.
        bad: bool array of shape `(table rows,)`. Rows that have an error.
    """

    table: PairTable
    rejected: RejectedRows
    findings: list[Finding]
    bad: np.ndarray

    @property
    def unusable_rows(self) -> int:
        """Number of rows with an error, those of `rejected` included."""
        return int(self.bad.sum()) + len(self.rejected)

    @property
    def sound(self) -> PairTable:
        """The rows of the table without errors."""
        return self.table.take(~self.bad) if self.bad.any() else self.table

    def refused(self) -> RejectedRows:
        """Returns the rows of the table with errors, with their ids as text."""
        faults = {row: [] for row in np.flatnonzero(self.bad)}
        for finding in self.findings:
            if finding.severity == "error" and not finding.of_all:
                field, kind = finding.field, finding.kind
                for row in finding.rows:
                    fault = Fault(field, kind, finding.describe(row))
                    faults[row].append(fault)
        return RejectedRows(
            self.table.origin.take(np.array([*faults], np.int64)),
            tuple(_record(self.table, row) for row in faults),
            tuple(map(tuple, faults.values())),
        )


def check_block(
    table: PairTable,
    config: Object2VecConfig | None = None,
    training: bool = False,
    rejected: RejectedRows | None = None,
) -> CheckedBlock:
    """Finds the rows of one block that have errors or need a warning.

    Args:
        table: `PairTable`; a side or the labels may be absent.
        config: `Object2VecConfig` the data must fit. Defaults to `None`:
            only what holds for every configuration is checked.
        training: Whether the rows are training data (see `PairCheck`).
            Defaults to `False`.
        rejected: `RejectedRows` that the reader found. Defaults to `None`.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [-7]], [[3], [4]], [1, 0])
    >>> check_block(table).bad
    array([False,  True])
    """
    findings = check_values(table, config, training)
    bad = np.zeros(len(table), bool)
    for finding in findings:
        if finding.severity == "error" and not finding.of_all:
            bad[finding.rows] = True
    rejected = RejectedRows.none() if rejected is None else rejected
    return CheckedBlock(table, rejected, findings, bad)


class PairCheck:
    """Collects all problems of data, by file and line.

    Errors are what SageMaker refuses or silently gets wrong: records that
    are no pairs, empty sequences, ids that are negative or reach
    `vocab_size`, labels that are no class or not finite, weights that are
    negative or not finite, and, where negatives will be drawn, labels other
    than 1. Warnings are id 0 as a real token, which every encoder masks, and
    sequences that `max_seq_len` cuts. Zeros at the end of a sequence are
    padding and are not reported.

    The report is the same for one table, for the blocks of a stream, and for
    several workers whose checks are pickled and merged. A check keeps counts,
    the distinct labels and a few rows: the first of each kind of problem and
    those with the largest ids, lengths, labels and weights.

    Args:
        config: `Object2VecConfig` the data must fit. Defaults to `None`:
            only what holds for every configuration is checked.
        training: Whether the rows are training data: both sides and labels
            must be present, and all rows positives if negatives will be
            drawn. Defaults to `False`.

    Example:
    >>> first, second = PairCheck(), PairCheck()
    >>> _ = first.add(PairTable.from_arrays([[3]], [[1]], [0]))
    >>> _ = second.add(PairTable.from_arrays([[-1]], [[1]], [0]))
    >>> first.merge(second)
    >>> print(first.report())
    2 rows read, 1 with errors
    error: in0: negative id (1 row)
        row 0: in0[0]=-1
        Ids count from 0, and 0 is padding; number real tokens from 1.
    """

    def __init__(
        self, config: Object2VecConfig | None = None, training: bool = False
    ):
        self._config = config
        self._training = training
        self._rows = 0
        self._unusable_rows = 0
        # Rows whose only error concerns all rows; later rows may lift it.
        self._unusable_together = 0
        self._counts = Counter()
        self._problems = ()
        self._labels = np.zeros(0)
        self._tables, self._rejected = [], []

    @property
    def has_errors(self) -> bool:
        """Whether a row is unusable on its own."""
        return self._unusable_rows > 0

    def add(
        self,
        table: PairTable,
        rejected: RejectedRows | None = None,
        problems: Iterable[Problem] = (),
    ) -> CheckedBlock:
        """Checks the next rows.

        Args:
            table: `PairTable`; a side or the labels may be absent.
            rejected: `RejectedRows` that the reader found. Defaults to
                `None`.
            problems: `Problem`s that the reader found in texts. Defaults to
                none.

        Returns:
            `CheckedBlock`, which separates sound rows from unusable ones.
        """
        block = check_block(table, self._config, self._training, rejected)
        self._rows += len(table) + len(block.rejected)
        self._unusable_rows += block.unusable_rows
        for finding in block.findings:
            self._counts[finding.field, finding.kind] += len(finding.rows)
            if finding.of_all:
                alone = ~block.bad[finding.rows]
                self._unusable_together += int(alone.sum())
        for faults in block.rejected.faults:
            self._counts.update((fault.field, fault.kind) for fault in faults)
        if table.labels is not None:
            self._labels = _distinct(self._labels, table.labels)
        self._keep(block)
        self.note(problems)
        return block

    def note(self, problems: Iterable[Problem]) -> None:
        """Adds problems that another check found, each with rows of its own."""
        problems = tuple(problems)
        self._problems = join_problems((*self._problems, *problems))
        self._unusable_rows += sum(
            problem.count for problem in problems if problem.severity == "error"
        )

    def merge(self, other: "PairCheck", files: Sequence[str] = ()) -> None:
        """Adds the findings of a check of other rows, in any order.

        Args:
            other: `PairCheck` with the same settings.
            files: Paths of the data, in the order of the report. Defaults to
                none: in alphabetical order.
        """
        self._rows += other._rows
        self._unusable_rows += other._unusable_rows
        self._unusable_together += other._unusable_together
        self._counts.update(other._counts)
        self._problems = join_problems((*self._problems, *other._problems))
        self._labels = _distinct(self._labels, other._labels)
        self._tables += other._tables
        self._rejected += other._rejected
        if self._tables:
            kept = self._kept()
            table, rejected = kept.table, kept.rejected
            table = table.take(_order(table.origin, files))
            rejected = rejected.take(_order(rejected.origin, files))
            self._tables, self._rejected = [table], [rejected]
            self._shrink()

    def report(self) -> CheckReport:
        """Returns the report on all rows so far."""
        if not self._tables:
            return CheckReport((), 0, 0, proposal_text({}, None, self._config))
        kept = self._kept()
        found = (*_of_rejected(kept.rejected), *_of_findings(kept))
        counted = (
            dataclasses.replace(p, count=self._counts[p.field, p.kind])
            for p in join_problems(found)
        )
        unusable = self._unusable_rows
        if any(finding.of_all for finding in kept.findings):
            unusable += self._unusable_together
        sound = kept.sound
        labels = None if kept.table.labels is None else self._labels
        return CheckReport(
            problems=join_problems((*counted, *self._problems)),
            rows=self._rows,
            unusable_rows=unusable,
            proposal=proposal_text(kept.table.sides, labels, self._config),
            weight_range=sound.weight_range,
            first_row=sound.locate(0) if len(sound) else "",
        )

    def _keep(self, block):
        table = block.table.take(_witnesses(block))
        rejected = block.rejected.take(_first_rejected(block.rejected))
        self._tables.append(_compact(table))
        self._rejected.append(_compact(rejected))
        if len(self._tables) > _WAITING:
            self._shrink()

    def _shrink(self):
        kept = self._kept()
        self._tables, self._rejected = [], []
        self._keep(kept)

    def _kept(self):
        return check_block(
            PairTable.concat(self._tables),
            self._config,
            self._training,
            RejectedRows.concat(self._rejected),
        )


def _record(table, row):
    record = {name: side[row].tolist() for name, side in table.sides.items()}
    if table.labels is not None:
        record["label"] = float(table.labels[row])
    if table.weights is not None:
        record["weight"] = float(table.weights[row])
    return json.dumps(record)


def _compact(rows):
    # Most files have no row that is kept.
    return dataclasses.replace(rows, origin=rows.origin.compact())


def _order(origin: Provenance, files):
    paths = [source.path or "" for source in origin.sources]
    ranks = {path: rank for rank, path in enumerate(files or sorted(paths))}
    ranks = np.array([ranks.get(path, 0) for path in paths], int)
    return np.lexsort((origin.numbers, ranks[origin.source_ids]))


def _witnesses(block):
    """Marks the rows of a block that a report may need."""
    table = block.table
    kept = np.zeros(len(table), bool)
    for finding in block.findings:
        kept[finding.rows[:CASES_SHOWN]] = True
    if not len(table):
        return kept
    for side in table.sides.values():
        if len(side.values):
            kept[side.rows_of(np.argmax(side.values))] = True
        kept[np.argmax(side.unpadded_lengths)] = True
    if table.labels is not None:
        kept[_label_witnesses(table.labels)] = True
    sound = np.flatnonzero(~block.bad)
    kept[sound[:1]] = True
    if table.weights is not None and sound.size:
        weights = table.weights[sound]
        kept[sound[[weights.argmin(), weights.argmax()]]] = True
    return kept


def _label_witnesses(labels):
    """Rows of the largest label, of a positive and of one that is no class."""
    finite = np.isfinite(labels)
    others = np.flatnonzero(finite & ~are_classes(labels))
    largest = np.argmax(np.where(finite, labels, -np.inf))
    return [largest, *np.flatnonzero(labels == 1)[:1], *others[:1]]


def _distinct(known, labels):
    """Adds distinct labels; one that is no class decides for all labels."""
    for part in (known, labels):
        others = part[~are_classes(part)]
        if others.size:
            return others[:1]
    return np.union1d(known, labels)


def _first_rejected(rejected):
    """Marks the first rejected rows of each kind."""
    kept = np.zeros(len(rejected), bool)
    seen = Counter()
    for row, faults in enumerate(rejected.faults):
        for field, kind, _ in faults:
            seen[field, kind] += 1
            kept[row] |= seen[field, kind] <= CASES_SHOWN
    return kept


def _of_rejected(rejected) -> Iterator[Problem]:
    found = {}
    for row, faults in enumerate(rejected.faults):
        place = rejected.origin.locate(row)
        for field, kind, what in faults:
            found.setdefault((field, kind), []).append(f"{place}: {what}")
    for (field, kind), cases in found.items():
        yield Problem.of_rows(field, kind, "error", cases, str, ADVICE[kind])


def _of_findings(block) -> Iterator[Problem]:
    for finding in block.findings:
        yield Problem.of_rows(
            finding.field,
            finding.kind,
            finding.severity,
            finding.rows,
            lambda row, f=finding: (
                f"{block.table.locate(row)}: {f.describe(row)}"
            ),
            finding.advice,
            finding.proposed,
        )
