"""What a check of the data found."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from o2v_keras.data.checking.value_checks import Finding
from o2v_keras.data.data_error import DataError
from o2v_keras.user_warning import warn_user

CASES_SHOWN = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One kind of trouble in all rows that have it.

    Args:
        field: str. `"in0"`, `"in1"`, `"label"`, `"weight"` or `"record"`.
        kind: str. Such as `"id >= vocab_size"`.
        severity: str. `"error"` or `"warning"`.
        count: int. Number of rows.
        cases: tuple of str. The first few, as `train.jsonl:17: in0[3]=-1`.
        advice: str. What is expected and how to get there.
        proposed: float. Value of a setting that the advice proposes.
            Defaults to 0: none.
    """

    field: str
    kind: str
    severity: str
    count: int
    cases: tuple[str, ...]
    advice: str
    proposed: float = 0

    def __str__(self):
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        lines = [f"{self.severity}: {self.field}: {self.kind} ({rows})"]
        lines += self.cases
        if self.count > len(self.cases):
            lines.append(f"and {self.count - len(self.cases):,} more")
        lines.append(self.advice)
        return "\n    ".join(lines)


def join_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Makes one problem of those of one kind; errors come first.

    The advice is that of the problem that proposes the largest value, which
    fits the others' rows as well.
    """
    joined = {}
    for problem in problems:
        key = (problem.field, problem.kind)
        earlier = joined.get(key)
        joined[key] = _joined(earlier, problem) if earlier else problem
    # Stable: errors first, otherwise in the order found.
    return tuple(sorted(joined.values(), key=lambda p: p.severity))


def _joined(first, second):
    larger = second if second.proposed > first.proposed else first
    return dataclasses.replace(
        larger,
        count=first.count + second.count,
        cases=(first.cases + second.cases)[:CASES_SHOWN],
    )


@dataclasses.dataclass(frozen=True, eq=False)
class CheckReport:
    """All problems of a table and of the rows rejected on the way to it.

    Args:
        problems: tuple of `Problem`, errors first.
        rows: int. Number of rows read.
        unusable_rows: int. Number of rows with an error.
        bad_rows: bool array of shape `(table rows,)`. Rows of the table that
            have an error. `None` in a report of several tables.
        findings: tuple of `Finding`. The rows of the table behind the
            problems; empty in a report of several tables.
    """

    problems: tuple[Problem, ...]
    rows: int
    unusable_rows: int
    bad_rows: np.ndarray | None = None
    findings: tuple[Finding, ...] = ()

    @classmethod
    def none(cls) -> "CheckReport":
        """The report of no rows."""
        return cls((), 0, 0)

    def joined(self, other: "CheckReport") -> "CheckReport":
        """The report of this one's rows and those of another, read later."""
        return CheckReport(
            join_problems((*self.problems, *other.problems)),
            self.rows + other.rows,
            self.unusable_rows + other.unusable_rows,
        )

    def with_problems(self, problems: Iterable[Problem]) -> "CheckReport":
        """The same with further problems, none of which is an error."""
        joined = join_problems((*self.problems, *problems))
        return dataclasses.replace(self, problems=joined)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that make their rows unusable."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that training lives with."""
        return tuple(p for p in self.problems if p.severity == "warning")

    def raise_for_errors(self) -> None:
        """Stops if a row is unusable.

        Raises:
            DataError: With all problems in its text.
        """
        if self.errors:
            raise DataError(str(self))

    def warn(self) -> None:
        """Issues one `UserWarning` with all warnings, if there are any."""
        if self.warnings:
            lines = [str(p).removeprefix("warning: ") for p in self.warnings]
            text = "\nwarning: ".join(lines)
            warn_user(text)

    def __str__(self):
        summary = f"{self.rows:,} rows read, {self.unusable_rows:,} with errors"
        return "\n".join([summary, *map(str, self.problems)])
