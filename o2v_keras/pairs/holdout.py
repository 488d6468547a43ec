"""Divides rows into training, validation and test."""

import math
import numbers
from typing import NamedTuple

import numpy as np

TRAIN, VALIDATION, TEST, GIVEN = range(4)
PARTS = ("train", "validation", "test")


class Holdout(NamedTuple):
    """What is held out of training.

    Args:
        kind: How rows are chosen, or `None`: none are held out.
        validation: Share of the rows below 1, or a number of rows. Groups
            (users) where `kind` is about whole groups; rows of each group
            where it is about each group's.
        test: The same.
    """

    kind: str | None = None
    validation: float = 0.1
    test: float = 0.1

    def check(self, kinds: tuple[str, ...], has_time: bool) -> None:
        """Checks the arguments.

        Args:
            kinds: The kinds there are.
            has_time: Whether rows have times.

        Raises:
            ValueError: If the kind is another one, needs times, or a share or
                number is out of range.
        """
        if self.kind is not None and self.kind not in kinds:
            raise ValueError(
                f"`split` must be one of {', '.join(kinds)}. "
                f"Received: split={self.kind!r}"
            )
        if self.kind and "time" in self.kind and not has_time:
            raise ValueError(
                f'`split` must be another one than "{self.kind}" where `time` '
                "names no column."
            )
        for name in ("validation", "test"):
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real)
            number = float(value) if is_number else math.nan
            if not (0 <= number < 1 or number > 0 and number.is_integer()):
                raise ValueError(
                    f"`{name}` must be a share below 1, or a whole number. "
                    f"Received: {name}={value!r}"
                )
        if self.validation < 1 and self.test < 1:
            if self.validation + self.test >= 1:
                raise ValueError(
                    "`validation` and `test` must leave rows for training. "
                    f"Received: validation={self.validation}, "
                    f"test={self.test}"
                )

    def sizes(self, rows: int) -> tuple[int, int]:
        """Returns how many of so many rows validation and test have."""
        test = _count(self.test, rows)
        return min(_count(self.validation, rows), rows - test), test

    def of_rows(self, order: np.ndarray) -> np.ndarray:
        """Holds the last rows of an order out.

        Args:
            order: Row numbers `(rows,)`; the test rows are its last.

        Returns:
            int8 `(rows,)`: `TRAIN`, `VALIDATION` or `TEST`.
        """
        rows = len(order)
        validation, test = self.sizes(rows)
        parts = np.zeros(rows, np.int8)
        parts[order[rows - test :]] = TEST
        parts[order[rows - test - validation : rows - test]] = VALIDATION
        return parts

    def within(self, groups: np.ndarray, *keys: np.ndarray) -> np.ndarray:
        """Holds the last rows of each group out; one stays in training.

        Args:
            groups: Number of each row's group `(rows,)`.
            *keys: What rows of a group are sorted by, the least of the keys
                first, as for `np.lexsort`.

        Returns:
            int8 `(rows,)`.
        """
        order = np.lexsort((*keys, groups))
        sizes = np.bincount(groups)[groups[order]]
        starts = np.searchsorted(groups[order], groups[order])
        from_end = sizes - (np.arange(len(order)) - starts)  # 1 is the last
        test = np.minimum(_counts(self.test, sizes), sizes - 1)
        validation = _counts(self.validation, sizes)
        validation = np.minimum(validation, sizes - 1 - test)
        parts = np.zeros(len(order), np.int8)
        sorted_parts = np.where(
            from_end <= test,
            TEST,
            np.where(from_end <= test + validation, VALIDATION, TRAIN),
        )
        parts[order] = sorted_parts
        return parts


def _count(value, rows):
    return int(_counts(value, np.array(rows)))


def _counts(value, sizes):
    if value >= 1:
        return np.minimum(int(value), sizes)
    return np.floor(value * sizes + 0.5).astype(np.int64)
