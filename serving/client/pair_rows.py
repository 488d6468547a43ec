"""The rows of a call as request-sized batches."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from serving.client.id_sequences import IdSequences
from serving.client.texts import Texts
from serving.signatures import IN0
from serving.signatures import IN1

Side = (
    Sequence[Sequence[int]]
    | Sequence[np.ndarray]
    | Sequence[str]
    | Sequence[bytes]
    | np.ndarray
)


@dataclasses.dataclass(frozen=True)
class Batch:
    """One request's rows.

    Args:
        rows: int `(batch,)`. Places of the rows in what the caller gave.
        inputs: Side -> int64 `(batch, length)`, padded with 0, or object
            `(batch,)` of `bytes`.
    """

    rows: np.ndarray
    inputs: dict[str, np.ndarray]


class PairRows:
    """The rows of one call, one or both sides.

    Rows are sent in the order of their lengths, so that a request holds
    little padding; answers are put back by `Batch.rows`.

    Args:
        sides: `in0`, `in1` or both -> sequences of ids, as lists of lists, a
            list of arrays, a 1-D array of single tokens or a 2-D array
            padded with 0; or texts, as a list or array of `str` or of UTF-8
            `bytes`.

    Raises:
        ValueError: If a side holds something else, or the sides have
            different numbers of rows.

    Example:
    >>> rows = PairRows({"in0": [[1, 2, 3], [4]], "in1": ["a dog", "a"]})
    >>> batch = next(rows.batches(batch_size=2))
    >>> batch.rows, batch.inputs["in0"]
    (array([1, 0]), array([[4, 0, 0],
           [1, 2, 3]]))
    >>> batch.inputs["in1"]
    array([b'a', b'a dog'], dtype=object)
    """

    def __init__(self, sides: dict[str, Side]):
        self._sides = {
            name: _side(name, value) for name, value in sides.items()
        }
        counts = {name: len(side) for name, side in self._sides.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                "`in0` and `in1` must have the same number of rows. "
                f"Received: {counts[IN0]} and {counts[IN1]} rows"
            )

    def __len__(self):
        return len(next(iter(self._sides.values())))

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yields batches of at most `batch_size` rows."""
        lengths = np.array([side.lengths for side in self._sides.values()])
        order = np.lexsort(lengths) if len(self) else np.zeros(0, int)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            inputs = {n: side.batch(rows) for n, side in self._sides.items()}
            yield Batch(rows, inputs)


def _side(name, value):
    if isinstance(value, str | bytes):
        raise ValueError(
            f"`{name}` must be a list with a text a row; write a single text "
            f"as a list of one. Received: {name}={value!r}"
        )
    if not isinstance(value, np.ndarray):
        value = list(value)
    if len(value) and isinstance(value[0], str | bytes):
        return Texts(name, value)
    return IdSequences(name, value)
