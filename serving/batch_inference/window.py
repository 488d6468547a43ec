"""Some consecutive rows of one input."""

import abc
import dataclasses
import json
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from o2v_keras.data.ragged_input import row_lengths
from o2v_keras.data.sequences import Sequences
from o2v_keras.storage.vector_files import is_name
from serving.row_batches import Column


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The parsed rows of a window.

    Args:
        columns: Side -> its ids or texts, of all rows.
        reasons: Row -> why it cannot be answered.
        names: What names each row, a text or an integer; anything else in
            rows that have a reason. Defaults to `None`: nothing does.
    """

    columns: dict[str, Column]
    reasons: dict[int, str]
    names: list | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Window(abc.ABC):
    """Rows that are sorted, answered and stored together.

    Args:
        input: The input's number, from 0.
        number: The window's number in its input, from 0.
        file: The input's path.
        first_line: Line of the first row, from 1; in Parquet its row.
        bytes_read: Bytes of the input read up to the window's end.
        columns: Side to read -> its column, or field.
        id_column: The column that names the rows. Defaults to `None`.
    """

    input: int
    number: int
    file: str
    first_line: int
    bytes_read: int
    columns: Mapping[str, str]
    id_column: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the window in its job."""
        return self.input, self.number

    @abc.abstractmethod
    def __len__(self):
        """Returns the number of rows."""

    def line(self, row: int) -> int:
        """Returns where a row stands in its file."""
        return self.first_line + row

    def parse(self, text_sides: Collection[str] = ()) -> Records:
        """Returns the ids and texts of all rows, and their names.

        Args:
            text_sides: Names of the sides that are texts. Defaults to none:
                all are ids.

        Raises:
            ValueError: If a whole column is of another kind.
        """
        records = self._parse(text_sides)
        if self.id_column is None:
            return records
        names, reasons = self._names(), dict(records.reasons)
        for row, name in enumerate(names):
            if not is_name(name):
                reasons.setdefault(
                    row,
                    f'"{self.id_column}" names the row and must be a text or '
                    f"an integer: {json.dumps(name):.60}",
                )
        return Records(records.columns, reasons, names)

    def bad_row(self, row: int, reason: str) -> str:
        """Returns file, line, reason and record of a row, as JSON."""
        return json.dumps(
            {
                "file": self.file,
                "line": self.line(row),
                "reason": reason,
                "record": self.record(row),
            }
        )

    @abc.abstractmethod
    def record(self, row: int) -> str:
        """Returns the text of a row."""

    @abc.abstractmethod
    def _parse(self, text_sides) -> Records:
        """As `parse`, without names."""

    @abc.abstractmethod
    def _names(self) -> list:
        """What the id column holds in each row, `None` for nothing."""


def side_column(
    column: pa.ChunkedArray, is_text: bool
) -> tuple[Column, np.ndarray]:
    """Returns the ids or texts of an arrow column, and which are broken.

    Args:
        column: Lists of integers, or strings.
        is_text: Whether it is strings.

    Returns:
        `Sequences` or a large binary array, and bool `(rows,)`: rows that are
        null, hold no id, or an id that is null, negative or beyond int64.

    Example:
    >>> ids = pa.chunked_array([[[7, 8, 9], None, [5, -1]]])
    >>> side_column(ids, is_text=False)[1]
    array([False,  True,  True])
    """
    if is_text:
        # A dictionary of strings becomes bytes in two steps only.
        texts = column.cast(pa.large_string()).cast(pa.large_binary())
        texts = pa.concat_arrays(texts.chunks)
        return texts, np.array(texts.is_null())
    # What int64 cannot hold turns negative, which is no id either.
    lists = column.cast(pa.large_list(pa.int64()), safe=False)
    lists = lists.combine_chunks()
    values = lists.flatten().fill_null(-1).to_numpy(zero_copy_only=False)
    ids = Sequences.from_lengths(values, row_lengths(lists))
    broken = ids.lengths == 0
    broken[ids.rows_of(np.flatnonzero(values < 0))] = True
    return ids, broken
