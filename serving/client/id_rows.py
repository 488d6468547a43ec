"""Sequences of ids as request-sized, padded batches."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from serving.signatures import IN0
from serving.signatures import IN1

IdSequences = Sequence[Sequence[int]] | Sequence[np.ndarray] | np.ndarray


@dataclasses.dataclass(frozen=True)
class Batch:
    """One request's rows.

    Args:
        rows: int `(batch,)`. Places of the rows in what the caller gave.
        inputs: Side -> int64 `(batch, length)`, padded with 0.
    """

    rows: np.ndarray
    inputs: dict[str, np.ndarray]


class IdRows:
    """The rows of one call, one or both sides.

    Rows are sent in the order of their lengths, so that a request holds
    little padding; answers are put back by `Batch.rows`.

    Args:
        sides: `in0`, `in1` or both -> sequences of ids: lists of lists, a
            list of arrays, a 1-D array of single tokens or a 2-D array
            padded with 0.

    Raises:
        ValueError: If a side holds something else than sequences of
            integers, or the sides have different numbers of rows.

    Example:
    >>> rows = IdRows({"in0": [[1, 2, 3], [4]]})
    >>> batch = next(rows.batches(batch_size=2))
    >>> batch.rows, batch.inputs["in0"]
    (array([1, 0]), array([[4, 0, 0],
           [1, 2, 3]]))
    """

    def __init__(self, sides: dict[str, IdSequences]):
        self._sides = {
            name: _rows(name, value) for name, value in sides.items()
        }
        counts = {name: len(rows) for name, rows in self._sides.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                "`in0` and `in1` must have the same number of rows. "
                f"Received: {counts[IN0]} and {counts[IN1]} rows"
            )

    def __len__(self):
        return len(next(iter(self._sides.values())))

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yields batches of at most `batch_size` rows."""
        lengths = np.array(
            [[len(row) for row in rows] for rows in self._sides.values()]
        )
        order = np.lexsort(lengths) if len(self) else np.zeros(0, int)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield Batch(
                rows,
                {
                    name: _padded([side[row] for row in rows])
                    for name, side in self._sides.items()
                },
            )


def _rows(name, value):
    if (
        isinstance(value, np.ndarray)
        and value.ndim == 1
        and value.dtype != object
    ):
        value = value[:, np.newaxis]
    rows = []
    for number, row in enumerate(value):
        ids = np.asarray(row)
        if ids.ndim == 1 and not len(ids):
            ids = ids.astype(np.int64)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"`{name}` must be sequences of integer ids, one a row; "
                f"write a single token as [7]. Received: {name}[{number}]="
                f"{row!r}"
            )
        rows.append(ids)
    return rows


def _padded(rows):
    length = max(1, *map(len, rows)) if len(rows) > 1 else max(1, len(rows[0]))
    padded = np.zeros((len(rows), length), np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
