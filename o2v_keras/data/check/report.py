"""The report of a check of data."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.user_warning import warn_user

CASES_SHOWN = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One kind of problem and all rows that have it.

    Args:
        field: str. `"in0"`, `"in1"`, `"label"`, `"weight"` or `"record"`.
        kind: str. Such as `"id >= vocab_size"`.
        severity: str. `"error"` or `"warning"`.
        count: int. Number of rows.
        cases: tuple of str. The first few, as `train.jsonl:17: in0[3]=-1`.
        advice: str. The rule, and how to fix the data.
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

    @classmethod
    def of_rows(
        cls,
        field: str,
        kind: str,
        severity: str,
        rows: Sequence[int] | np.ndarray,
        describe: Callable[[int], str],
        advice: str,
        proposed: float = 0,
    ) -> "Problem":
        """Makes a problem of some rows; `describe` gives the case of a row."""
        cases = tuple(map(describe, rows[:CASES_SHOWN]))
        return cls(field, kind, severity, len(rows), cases, advice, proposed)

    def __str__(self) -> str:
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        lines = [f"{self.severity}: {self.field}: {self.kind} ({rows})"]
        lines += self.cases
        if self.count > len(self.cases):
            lines.append(f"and {self.count - len(self.cases):,} more")
        lines.append(self.advice)
        return "\n    ".join(lines)


def join_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Merges the problems of each kind; errors come first.

    A merged problem has the advice that proposes the largest value, which
    fits all rows.
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
    """All problems that a check found.

    Args:
        problems: tuple of `Problem`, errors first.
        rows: int. Number of rows read.
        unusable_rows: int. Number of rows with an error.
        proposal: str. Hyperparameters that fit the data, as `o2v check`
            prints them.
        weight_range: Least and greatest weight of a row without errors, 1
            where it has none; `None` (the default) where no row has one.
        first_row: str. Where the first row without errors was read. Defaults
            to `""`: there is none.
    """

    problems: tuple[Problem, ...]
    rows: int
    unusable_rows: int
    proposal: str
    weight_range: tuple[float, float] | None = None
    first_row: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that make their rows unusable."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that do not stop training."""
        return tuple(p for p in self.problems if p.severity == "warning")

    def raise_for_errors(self) -> None:
        """Raises `DataError` if a row is unusable.

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

    def refuse_zero_weights(self) -> None:
        """Raises `DataError` if all rows have a weight of 0.

        Raises:
            DataError: If there are rows without errors, all of weight 0.
        """
        if self.weight_range and not any(self.weight_range):
            raise DataError(
                f"{self.first_row}: this record and all others have a weight "
                "of 0: there is nothing to learn or to score. Give at least "
                "one a weight above 0, or leave all weights out."
            )

    def __str__(self) -> str:
        summary = f"{self.rows:,} rows read, {self.unusable_rows:,} with errors"
        return "\n".join([summary, *map(str, self.problems)])


def weight_notice(
    ends: tuple[float, float] | None, columns: PairColumns
) -> str:
    """Returns a notice that the column "weight" is used by default.

    Args:
        ends: Least and greatest weight, or `None`.
        columns: `PairColumns` of the data.

    Returns:
        A sentence; empty without such a column, or if all weights are 1.

    Example:
    >>> print(weight_notice((0.5, 350_000.0), PairColumns()))
    The column "weight" holds sample weights, from 0.5 to 350,000: a row ...
    """
    if not ends or ends == (1, 1) or not columns.weight_is_optional:
        return ""
    low, high = (f"{end:,.7g}" for end in ends)
    return (
        f'The column "weight" holds sample weights, from {low} to {high}: a '
        "row counts as often as its weight says. If it is something else, "
        'leave it alone by `--weight-column ""`.'
    )
