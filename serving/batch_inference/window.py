"""Some consecutive rows of one input."""

import abc
import dataclasses
from collections.abc import Collection
from collections.abc import Sequence

from serving.batch_inference.id_column import IdColumn
from serving.batch_inference.text_column import TextColumn


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The parsed rows of a window.

    Args:
        columns: Side -> its column, of all rows.
        reasons: Row -> why it cannot be answered.
    """

    columns: dict[str, IdColumn | TextColumn]
    reasons: dict[int, str]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Window(abc.ABC):
    """Rows that are sorted, answered and stored together.

    Args:
        input: The input's number, from 0.
        number: The window's number in its input, from 0.
        file: The input's path.
        first_line: Line of the first row, from 1; in Parquet its row.
        bytes_read: Bytes of the input read up to the window's end.
        sides: Names of the sides to read.
    """

    input: int
    number: int
    file: str
    first_line: int
    bytes_read: int
    sides: Sequence[str]

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the window in its job."""
        return self.input, self.number

    @abc.abstractmethod
    def __len__(self):
        """Returns the number of rows."""

    @abc.abstractmethod
    def parse(self, text_sides: Collection[str] = ()) -> Records:
        """Returns the ids and texts of all rows.

        Args:
            text_sides: Names of the sides that are texts. Defaults to none:
                all are ids.

        Raises:
            ValueError: If a whole column is of another kind.
        """

    @abc.abstractmethod
    def record(self, row: int) -> str:
        """Returns the text of a row."""
