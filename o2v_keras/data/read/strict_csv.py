"""Parses CSV and TSV records with Python's strict `csv`, and finds faults."""

import collections
import csv
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import pyarrow as pa

from o2v_keras.data.read.cells import parse_cells
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault

# An unclosed quote makes one field of the rest of the file.
FIELD_CHARACTERS = 16 << 20
# If nine in ten lines of a quoted text look like rows, its quote was perhaps
# left open. The first number of such lines suffices if numbers identify a row,
# the second if only the count of delimiters does.
_LIKE_ROWS, _LIKE_ROWS_OF_TEXTS = 5, 20
# The search for a closing quote ends after so many lines that look like rows.
_LOOK_AHEAD = 1000


class Layout(NamedTuple):
    """The dialect and the columns of a file.

    Args:
        dialect: Settings of `csv.reader`.
        columns: Field -> `Column`, of the requested columns that exist.
        places: Field -> number of its column in the file.
        width: Number of columns in the file.
    """

    dialect: dict[str, Any]
    columns: Mapping[str, Column]
    places: dict[str, int]
    width: int

    def count_rows(self, lines):
        """Counts lines with the fields of a row, and numbers where due."""
        if self.width < 2:
            return 0
        dialect = {**self.dialect, "strict": False}
        rows = [next(csv.reader([line], **dialect)) for line in lines]
        rows = [fields for fields in rows if len(fields) == self.width]
        if not rows:
            return 0
        bad = set()
        for field, place in self.places.items():
            cells = [_readable(fields[place]) for fields in rows]
            cells = pa.array(cells, pa.string())
            bad |= parse_cells(cells, self.columns[field], field)[1].keys()
        return len(rows) - len(bad)

    def suspects(self, lines, like):
        """Whether a quoted text probably holds rows."""
        kinds = {column.kind for column in self.columns.values()}
        tells = kinds & {"ids", "number"}
        enough = _LIKE_ROWS if tells else _LIKE_ROWS_OF_TEXTS
        return like >= max(enough, 0.9 * (len(lines) - 1))


def _readable(text):
    return text.encode("utf-8", "replace").decode()


class CsvRecord(NamedTuple):
    """One record: its first line's number, its text, its fields.

    A blank line is a record of no fields.
    """

    number: int
    text: str
    fields: list[str] | None
    fault: Fault | None = None

    @property
    def written(self) -> str:
        """The text without its line end; invalid UTF-8 becomes U+FFFD."""
        text = self.text.rstrip("\r\n").encode("utf-8", "surrogateescape")
        return text.decode("utf-8", "replace")

    def find_fault(self, width: int | None = None) -> Fault | None:
        """Returns the fault of the record's structure, if any.

        Args:
            width: Number of fields it must have. Defaults to `None`: any.
        """
        if self.fault:
            return self.fault
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            byte = ord(self.text[error.start]) - 0xDC00
            what = f"byte 0x{byte:02x} at character {error.start + 1}"
            return Fault("record", "no UTF-8", what)
        if self.fields and width and len(self.fields) != width:
            what = f"{len(self.fields)} of {width}"
            return Fault("record", "wrong number of fields", what)
        return None


class _OpenQuoteError(Exception):
    """Stops a search for the end of a quoted text."""


def strict_records(
    begun: Sequence[str],
    following: Iterator[str],
    dialect: Mapping[str, Any],
    number: int,
    layout: Layout | None = None,
) -> Iterator[CsvRecord]:
    """Yields the records that begin in some lines.

    After a line with an open quote, each line is a record again.

    Args:
        begun: The lines.
        following: The lines after them, read only to the end of the last
            record.
        dialect: Settings of `csv.reader`.
        number: Number of the first line.
        layout: `Layout` that identifies open quotes. Defaults to `None`:
            open quotes are not searched for.
    """
    lines, waiting = [], collections.deque(begun)

    def taken():
        while waiting or (more := next(following, None)) is not None:
            lines.append(waiting.popleft() if waiting else more)
            if len(lines) == _LOOK_AHEAD and layout:
                if layout.suspects(lines, layout.count_rows(lines[1:])):
                    raise _OpenQuoteError
            yield lines[-1]

    reader = csv.reader(taken(), **dialect)
    while waiting:
        fields, fault, end = None, None, "is closed in line {}"
        try:
            fields = next(reader)
        except csv.Error as error:
            what = f"a field does not end as it should: {error}"
            fault = Fault("record", "broken quoting", what)
            end = "ends badly in line {}"
            if "unexpected end" in what:
                end = "is never closed"
        except _OpenQuoteError:
            end = "is not closed up to line {}"
        if layout and len(lines) > 1:
            like = layout.count_rows(lines[1:])
            if (fault and like) or layout.suspects(lines, like):
                end = end.format(number + len(lines) - 1)
                what = (
                    f"a quote is opened in this line and {end}; {like:,} of "
                    f"the {len(lines) - 1:,} lines after it look like rows "
                    "and are read as such"
                )
                fields, fault = None, Fault("record", "open quote", what)
                waiting.extendleft(reversed(lines[1:]))
                del lines[1:]
                reader = csv.reader(taken(), **dialect)
        yield CsvRecord(number, "".join(lines), fields, fault)
        number += len(lines)
        lines.clear()
