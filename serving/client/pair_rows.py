"""The rows of a call as request-sized batches."""

import dataclasses
import numbers
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from o2v_keras.data.sequences import Sequences
from serving.row_batches import batch_inputs
from serving.row_batches import batches_of_rows
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
        sides: `in0`, `in1` or both -> rows of ids, as `Sequences.from_any`
            takes them, but for lists of bare ids; or texts, as a list or
            array of `str` or of UTF-8 `bytes`. Bytes that are no UTF-8 read
            as U+FFFD in the model.

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
            name: _column(name, value) for name, value in sides.items()
        }
        counts = {name: len(side) for name, side in self._sides.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                "`in0` and `in1` must have the same number of rows. "
                f"Received: {counts[IN0]} and {counts[IN1]} rows"
            )

    def __len__(self) -> int:
        return len(next(iter(self._sides.values())))

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of the sides that are given."""
        return tuple(self._sides)

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yields batches of at most `batch_size` rows."""
        for rows in batches_of_rows(self._sides, batch_size):
            yield Batch(rows, batch_inputs(self._sides, rows))


def _column(name, value):
    if isinstance(value, str | bytes):
        raise ValueError(
            f"`{name}` must be a list with a text a row; write a single text "
            f"as a list of one. Received: {name}={value!r}"
        )
    is_array = isinstance(value, np.ndarray) or hasattr(value, "row_splits")
    value = value if is_array else list(value)
    first = value[0] if len(value) else None
    if isinstance(first, str | bytes):
        return _texts(name, list(value))
    # A list of ids could be one row as well as a row for each id.
    if not is_array and isinstance(first, numbers.Number):
        raise ValueError(
            f"`{name}` must be sequences of integer ids, or texts, one a "
            f"row; write a single token as [7]. Received: {name}[0]={first!r}"
        )
    return Sequences.from_any(value, name)


def _texts(name, rows):
    for number, row in enumerate(rows):
        if not isinstance(row, str | bytes):
            raise ValueError(
                f"`{name}` must be texts in all rows, or sequences of ids in "
                f"all. Received: {name}[{number}]={row!r}"
            )
    try:
        return pa.array(rows, pa.large_binary())
    except UnicodeEncodeError as error:
        number = rows.index(error.object)
        raise ValueError(
            f"`{name}` must be texts that UTF-8 can hold, or bytes. "
            f"Received: {name}[{number}]={error.object!r}"
        ) from None
