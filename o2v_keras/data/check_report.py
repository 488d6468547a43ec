"""What a check of the data found."""

import dataclasses
import warnings

import numpy as np

from o2v_keras.data.data_error import DataError
from o2v_keras.data.value_checks import Finding


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One kind of trouble in all rows that have it.

    Args:
        field: str. `"in0"`, `"in1"`, `"label"` or `"record"`.
        kind: str. Such as `"id >= vocab_size"`.
        severity: str. `"error"` or `"warning"`.
        count: int. Number of rows.
        cases: tuple of str. The first few, as `train.jsonl:17: in0[3]=-1`.
        advice: str. What is expected and how to get there.
    """

    field: str
    kind: str
    severity: str
    count: int
    cases: tuple[str, ...]
    advice: str

    def __str__(self):
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        lines = [f"{self.severity}: {self.field}: {self.kind} ({rows})"]
        lines += self.cases
        if self.count > len(self.cases):
            lines.append(f"and {self.count - len(self.cases):,} more")
        lines.append(self.advice)
        return "\n    ".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class CheckReport:
    """All problems of a table and of the rows rejected on the way to it.

    Args:
        problems: tuple of `Problem`, errors first.
        bad_rows: bool array of shape `(rows,)`. Rows of the table that have
            an error.
        rejected: int. Number of rows that are not in the table at all.
        findings: tuple of `Finding`. The rows of the table behind the
            problems.
    """

    problems: tuple[Problem, ...]
    bad_rows: np.ndarray
    rejected: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that make their rows unusable."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that training lives with."""
        return tuple(p for p in self.problems if p.severity == "warning")

    @property
    def rows(self) -> int:
        """Number of rows read."""
        return len(self.bad_rows) + self.rejected

    @property
    def unusable_rows(self) -> int:
        """Number of rows with an error."""
        return int(self.bad_rows.sum()) + self.rejected

    def raise_for_errors(self) -> None:
        """Stops if a row is unusable.

        Raises:
            DataError: With all problems in its text.
        """
        if self.errors:
            raise DataError(str(self))

    def warn(self, stacklevel: int = 2) -> None:
        """Issues one `UserWarning` with all warnings, if there are any.

        Args:
            stacklevel: Frames up to the one that is blamed. Defaults to `2`,
                the caller.
        """
        if self.warnings:
            lines = [str(p).removeprefix("warning: ") for p in self.warnings]
            text = "\nwarning: ".join(lines)
            warnings.warn(text, stacklevel=stacklevel + 1)

    def __str__(self):
        summary = f"{self.rows:,} rows read, {self.unusable_rows:,} with errors"
        return "\n".join([summary, *map(str, self.problems)])
