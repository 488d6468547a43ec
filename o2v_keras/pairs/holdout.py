"""Divides rows into training, validation and test."""

import math
import numbers
from typing import Any
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

    def sizes(self, rows: Any, kept: int = 0) -> tuple[Any, Any]:
        """Returns how many of so many rows validation and test have.

        Args:
            rows: int, or int64 array of the rows of groups.
            kept: Least rows of training. Defaults to 0.
        """
        test = np.minimum(_counts(self.test, rows), rows - kept)
        validation = _counts(self.validation, rows)
        return np.minimum(validation, rows - kept - test), test

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

    def within(
        self, groups: np.ndarray, *keys: np.ndarray, kept: int = 1
    ) -> np.ndarray:
        """Holds the last rows of each group out.

        Rows of a group that are equal in all keys are in one part: the one
        that the first of them falls into.

        Args:
            groups: Number of each row's group `(rows,)`.
            *keys: What rows of a group are sorted by, the least of the keys
                first, as for `np.lexsort`.
            kept: Least rows of a group in training. Defaults to 1.

        Returns:
            int8 `(rows,)`.
        """
        order = np.lexsort((*keys, groups))
        new = np.zeros(len(order), bool)
        new[:1] = True
        for key in (*keys, groups):
            new[1:] |= key[order[1:]] != key[order[:-1]]
        rows = np.arange(len(order))
        own = groups[order]
        sizes = np.bincount(groups)[own]
        places = np.maximum.accumulate(rows * new) - np.searchsorted(own, own)
        validation, test = self.sizes(sizes, kept)
        parts = np.zeros(len(order), np.int8)
        held_out = np.where(places >= sizes - test, TEST, VALIDATION)
        parts[order] = np.where(
            places >= sizes - test - validation, held_out, TRAIN
        )
        return parts


def _counts(value, rows):
    if value >= 1:
        return np.minimum(int(value), rows)
    return np.floor(value * np.asarray(rows) + 0.5).astype(np.int64)
