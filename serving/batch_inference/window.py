"""Some consecutive rows of one input."""

import abc
import dataclasses
from collections.abc import Sequence

from serving.batch_inference.id_column import IdColumn


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The parsed rows of a window.

    Args:
        ids: Side -> `IdColumn`, of all rows.
        reasons: Row -> why it cannot be answered.
    """

    ids: dict[str, IdColumn]
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
    def parse(self) -> Records:
        """Returns the ids of all rows."""

    @abc.abstractmethod
    def record(self, row: int) -> str:
        """Returns the text of a row."""
