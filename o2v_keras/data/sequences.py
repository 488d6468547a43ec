"""Ragged rows of token ids in two flat arrays."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from o2v_keras.data.ragged_input import flatten_rows


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """Ragged rows of token ids.

    Row `i` is `values[offsets[i]:offsets[i + 1]]`. Two arrays hold any
    number of rows, so that a batch is gathered in one NumPy call.

    Args:
        values: int64 array of shape `(tokens,)`. The ids of all rows.
        offsets: int64 array of shape `(rows + 1,)`. Where each row begins,
            and the end of the last.

    Raises:
        ValueError: If `offsets` do not rise from 0 to the number of values.

    Example:
    >>> sequences = Sequences.from_any([[7, 8, 9], [4], [5, 6]], "in0")
    >>> sequences[2]
    array([5, 6])
    >>> sequences.lengths
    array([3, 1, 2])
    >>> sequences.take([2, 0]).values
    array([5, 6, 7, 8, 9])
    """

    values: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        offsets = self.offsets
        if (
            not len(offsets)
            or (offsets[0], offsets[-1]) != (0, len(self.values))
            or (offsets[1:] < offsets[:-1]).any()
        ):
            raise ValueError(
                "`offsets` must rise from 0 to the number of values. Received:"
                f" offsets={offsets!r} for {len(self.values)} values"
            )

    @classmethod
    def from_lengths(
        cls, values: np.ndarray, lengths: np.ndarray | Sequence[int]
    ) -> "Sequences":
        """Makes sequences of ids that lie end to end.

        Args:
            values: int64 array of shape `(tokens,)`.
            lengths: int array of shape `(rows,)`.
        """
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(values, offsets)

    @classmethod
    def from_any(cls, data: Any, name: str) -> "Sequences":
        """Converts the usual forms of ragged integers.

        Args:
            data: One of: a list (or object array) of lists or 1-D arrays; a
                1-D integer array or list, one token a row; a 2-D array, whose
                zeros at the end of a row are padding and are cut off (one
                token stays); a `tf.RaggedTensor` of two dimensions; a pyarrow
                list array. Floats are accepted when they are whole numbers.
            name: str. The argument as error messages call it.

        Raises:
            ValueError: If a row holds something else than integers (booleans
                included), or the rank is wrong. The message names `name` and
                the first such row, counted from 0.

        Example:
        >>> padded = np.array([[3, 4, 0], [5, 0, 0], [0, 0, 0]])
        >>> [row.tolist() for row in Sequences.from_any(padded, "in0")]
        [[3, 4], [5], [0]]
        """
        if isinstance(data, cls):
            return data
        return cls.from_lengths(*flatten_rows(data, name))

    @classmethod
    def concat(cls, parts: Sequence["Sequences"]) -> "Sequences":
        """Joins the rows of several sequences, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls.from_lengths(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.lengths for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        row = range(len(self))[row]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Number of ids in each row, int64 `(rows,)`."""
        return np.diff(self.offsets)

    @functools.cached_property
    def unpadded_lengths(self) -> np.ndarray:
        """Number of ids before the zeros that end each row, int64 `(rows,)`.

        Id 0 is padding (SageMaker masks it in every encoder), so this is the
        length that a model sees.
        """
        lengths = self.lengths.copy()
        rows = np.flatnonzero(lengths)
        while rows.size:
            last = self.values[self.offsets[rows] + lengths[rows] - 1]
            rows = rows[last == 0]
            lengths[rows] -= 1
            rows = rows[lengths[rows] > 0]
        return lengths

    def rows_of(self, positions: np.ndarray) -> np.ndarray:
        """Rows in which positions of `values` lie, int64 `(positions,)`."""
        return np.searchsorted(self.offsets, positions, side="right") - 1

    def take(self, rows: np.ndarray | slice) -> "Sequences":
        """Returns the given rows, in the given order.

        Args:
            rows: int array of shape `(n,)` with row numbers from 0 (repeats
                allowed), or a bool array of shape `(rows,)`.
        """
        starts, lengths = self.offsets[:-1][rows], self.lengths[rows]
        ends = np.cumsum(lengths)
        # Each row's first position, moved back by what was taken before it.
        positions = np.repeat(starts - (ends - lengths), lengths)
        positions += np.arange(positions.size)  # (tokens taken,)
        return self.from_lengths(self.values[positions], lengths)
