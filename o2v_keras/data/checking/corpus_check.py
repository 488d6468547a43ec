"""Checks a corpus part by part, for workers that each see some of it."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.check_report import CASES_SHOWN
from o2v_keras.data.checking.check_report import CheckReport
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.corpus_part import CorpusPart
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.checking.size_proposal import proposal_text
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.row_origin import RowOrigin


@dataclasses.dataclass(frozen=True)
class CorpusCheck:
    """The check of `check_pairs`, for a corpus that no machine holds.

    Everything that the report says, its counts aside, follows from a few
    rows: the first of each kind of trouble, those with the largest ids and
    the most ids, and one for each class. A part keeps these, parts are
    merged in any order, and a check of what is left gives the text that a
    check of all rows would give.

    Args:
        files: Paths of the corpus, in their order.
        config: `Object2VecConfig` the data must fit, or `None`.
        training: Whether the rows are to be trained on. Defaults to `False`.

    Example:
    >>> check = CorpusCheck(files=())
    >>> parts = [
    ...     check.part(PairTable.from_arrays([[i]], [[1]], [0]))
    ...     for i in (3, -1)
    ... ]
    >>> check.text(check.merged(parts)).splitlines()[1]
    'error: in0: negative id (1 row)'
    """

    files: tuple[str, ...]
    config: Object2VecConfig | None = None
    training: bool = False

    def part(
        self, table: PairTable, rejected: RejectedRows | None = None
    ) -> CorpusPart:
        """Checks some rows of the corpus.

        Args:
            table: `PairTable` as read.
            rejected: `RejectedRows` that the reader found. Defaults to
                `None`.
        """
        rejected = RejectedRows.none() if rejected is None else rejected
        report = self._checked(table, rejected)
        return CorpusPart(
            report.rows,
            report.unusable_rows,
            {(p.field, p.kind): p.count for p in report.problems},
            _compact(table.take(_witnesses(table, report.findings))),
            _compact(rejected.take(_first_rejected(rejected))),
        )

    def merged(self, parts: Sequence[CorpusPart]) -> CorpusPart:
        """Joins parts; at least one, in any order."""
        table = PairTable.concat([part.witnesses for part in parts])
        rejected = RejectedRows.concat([part.rejected for part in parts])
        table = table.take(self._order(table.origin))
        rejected = rejected.take(self._order(rejected.origin))
        kept = self.part(table, rejected)
        counts = Counter()
        for part in parts:
            counts.update(part.counts)
        return dataclasses.replace(
            kept,
            rows=sum(part.rows for part in parts),
            unusable_rows=sum(part.unusable_rows for part in parts),
            counts=dict(counts),
        )

    def report(self, part: CorpusPart) -> CheckReport:
        """Reports on the rows of a part, as `check_pairs` would."""
        problems = tuple(
            dataclasses.replace(p, count=part.counts[p.field, p.kind])
            for p in self._checked(part.witnesses, part.rejected).problems
        )
        return CheckReport(problems, part.rows, part.unusable_rows)

    def text(self, part: CorpusPart) -> str:
        """Says what `o2v check` prints of the rows of a part."""
        proposal = proposal_text(part.witnesses, self.config)
        return f"{self.report(part)}\n{proposal}"

    def _checked(self, table, rejected):
        return check_pairs(table, self.config, rejected, self.training)

    def _order(self, origin: RowOrigin):
        ranks = {file: rank for rank, file in enumerate(self.files)}
        ranks = np.array([ranks.get(s.path, 0) for s in origin.sources], int)
        return np.lexsort((origin.numbers, ranks[origin.source_ids]))


def _compact(rows):
    # Most of many files have no row that is kept.
    return dataclasses.replace(rows, origin=rows.origin.compact())


def _witnesses(table, findings):
    """Marks the rows of a table that a check of it speaks of."""
    kept = np.zeros(len(table), bool)
    for finding in findings:
        kept[finding.rows[:CASES_SHOWN]] = True
    if not len(table):
        return kept
    for side in table.sides.values():
        if len(side.values):
            kept[side.rows_of(np.argmax(side.values))] = True
        kept[np.argmax(side.unpadded_lengths)] = True
    if table.labels is not None:
        kept[_label_witnesses(table.labels)] = True
    return kept


def _label_witnesses(labels):
    """Rows that tell classes from numbers, and how many classes there are.

    One label that is no class is enough to know that none is. Labels that
    are not finite are among the findings.
    """
    finite = np.isfinite(labels)
    classes = finite & (labels >= 0) & (labels == np.floor(labels))
    others = np.flatnonzero(finite & ~classes)
    if others.size:
        return others[:1]
    rows = np.flatnonzero(classes)
    _, first = np.unique(labels[rows], return_index=True)
    return rows[first]


def _first_rejected(rejected):
    """Marks the first rejected rows of each kind."""
    kept = np.zeros(len(rejected), bool)
    seen = Counter()
    for row, faults in enumerate(rejected.faults):
        for field, kind, _ in faults:
            seen[field, kind] += 1
            kept[row] |= seen[field, kind] <= CASES_SHOWN
    return kept
