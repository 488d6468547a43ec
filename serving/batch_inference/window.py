"""Some consecutive rows of one input."""

import abc
import dataclasses
import json
from collections.abc import Collection
from collections.abc import Mapping

from serving.batch_inference.id_column import IdColumn
from serving.batch_inference.text_column import TextColumn


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The parsed rows of a window.

    Args:
        columns: Side -> its column, of all rows.
        reasons: Row -> why it cannot be answered.
        names: What names each row, a text or an integer; anything else in
            rows that have a reason. Defaults to `None`: nothing does.
    """

    columns: dict[str, IdColumn | TextColumn]
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

    @abc.abstractmethod
    def record(self, row: int) -> str:
        """Returns the text of a row."""

    @abc.abstractmethod
    def _parse(self, text_sides) -> Records:
        """As `parse`, without names."""

    @abc.abstractmethod
    def _names(self) -> list:
        """What the id column holds in each row, `None` for nothing."""


def is_name(value: object) -> bool:
    """Whether a value can name a row.

    Example:
    >>> is_name("u7"), is_name(7), is_name(7.0), is_name(None)
    (True, True, False, False)
    """
    if isinstance(value, str):
        # Half a character, as JSON can escape one, is in no output's UTF-8.
        return value.isascii() or not any(
            "\ud800" <= c < "\ue000" for c in value
        )
    return type(value) is int
