"""Columns of CSV and TSV files."""

import collections
import csv
import io
import itertools
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.column_piece import ColumnPiece
from o2v_keras.data.files.written_values import WRITTEN_VALUES
from o2v_keras.data.read.file_system import open_stream

_PIECE_ROWS = 1 << 13
# Where a quote is never closed, the rest of the file is one field.
_FIELD_CHARACTERS = 16 << 20
# A quoted text of several lines of which nine in ten look like rows was
# perhaps never meant: so many are suspicious where numbers tell a row from a
# line of prose, and so many where only the count of delimiters does.
_LIKE_ROWS, _LIKE_ROWS_OF_TEXTS = 5, 20
# After so many lines that look like rows a quote is not looked for any more.
_LOOK_AHEAD = 1000


def read_separated_columns(
    path: str,
    columns: Mapping[str, Column],
    batch_rows: int = _PIECE_ROWS,
) -> Iterator[ColumnPiece]:
    """Reads columns of a CSV or TSV file, whose first line names them.

    CSV is that of RFC 4180: a field in double quotes may hold commas, line
    breaks and, each written twice, quotes. In TSV a quote is a character
    like any other, and fields hold neither tabs nor line breaks, as the media
    type `text/tab-separated-values` says: corpora of sentences are written
    so, and a reader that heeds quotes would take lines of them for one.

    Args:
        path: `.csv` or `.tsv`, also with `.gz` or `.zst`.
        columns: Name in the piece -> `Column`. Ids are written with blanks
            between them.
        batch_rows: Rows read at a time. Defaults to 8,192.

    Yields:
        `ColumnPiece`s, in which nothing is null.

    Raises:
        DataError: If a column is missing, or there twice, or the first line
            is no UTF-8.
        OSError: If the file cannot be read.
    """
    # For the whole process, and only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_CHARACTERS))
    with open_stream(path) as stream:
        text = io.TextIOWrapper(
            stream, "utf-8-sig", "surrogateescape", newline="\n"
        )
        settings = {"delimiter": ",", "strict": True}
        if path.endswith((".tsv", ".tsv.gz", ".tsv.zst")):
            settings = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
        first = next(filter(None, _batches(text, settings, 1)), None)
        if first is None:
            raise DataError(f"{path}: holds no line.")
        places, width = _header(path, first[0], columns)
        columns = {field: columns[field] for field in places}
        rows = _RowShape(settings, columns, places, width)
        number = first[0].number + first[0].text.count("\n")
        for batch in _batches(text, settings, batch_rows, number, rows):
            yield _piece(batch, columns, places, width)


class _Record(NamedTuple):
    """One record: its first line's number, its text, its fields."""

    number: int
    text: str
    fields: list[str] | None
    fault: Fault | None = None


class _RowShape:
    """Tells lines that look like rows, to find quotes that are left open."""

    def __init__(self, settings, columns, places, width):
        self._settings = {**settings, "strict": False}
        self._width = width
        self._numbers = {
            places[field]: WRITTEN_VALUES[kind].faults
            for field, (_, kind, _) in columns.items()
            if kind != "text"
        }
        self._enough = _LIKE_ROWS if self._numbers else _LIKE_ROWS_OF_TEXTS

    def count(self, lines):
        """How many lines have as many fields as a row, and numbers in place."""
        if self._width < 2:
            return 0
        rows = [next(csv.reader([line], **self._settings)) for line in lines]
        rows = [fields for fields in rows if len(fields) == self._width]
        bad = set()
        for place, faults in self._numbers.items():
            texts = [_readable(fields[place]) for fields in rows]
            bad.update(row for row, *_ in faults(pa.array(texts, pa.string())))
        return len(rows) - len(bad)

    def is_suspect(self, lines, like):
        """Whether a text that is closed holds lines that were rows."""
        return like >= max(self._enough, 0.9 * (len(lines) - 1))


class _OpenQuoteError(Exception):
    """Stops a search for the end of a quoted text."""


def _batches(
    text, settings, rows, number=1, shape=None
) -> Iterator[list[_Record]]:
    """Yields the records of some lines at a time, blank lines left out."""
    while lines := list(itertools.islice(text, rows)):
        try:
            fields = list(csv.reader(lines, **settings))
        except csv.Error:
            fields = []
        if len(fields) == len(lines):  # a line each
            batch = list(map(_Record, itertools.count(number), lines, fields))
            number += len(lines)
        else:
            batch = list(_one_by_one(lines, text, settings, number, shape))
            number += sum(record.text.count("\n") for record in batch)
        yield [r for r in batch if r.fields or r.fault]


def _one_by_one(begun, text, settings, number, shape):
    """Yields the records that begin in some lines of a text.

    Where a quote was left open, the lines after it are records of their own.
    """
    lines, waiting = [], collections.deque(begun)

    def taken():
        while waiting or (more := next(text, None)) is not None:
            lines.append(waiting.popleft() if waiting else more)
            if len(lines) == _LOOK_AHEAD and shape:
                if shape.is_suspect(lines, shape.count(lines[1:])):
                    raise _OpenQuoteError
            yield lines[-1]

    reader = csv.reader(taken(), **settings)
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
        if shape and len(lines) > 1:
            like = shape.count(lines[1:])
            if (fault and like) or shape.is_suspect(lines, like):
                end = end.format(number + len(lines) - 1)
                what = (
                    f"a quote is opened in this line and {end}; {like:,} of "
                    f"the {len(lines) - 1:,} lines after it look like rows "
                    "and are read as such"
                )
                fields, fault = None, Fault("record", "open quote", what)
                waiting.extendleft(reversed(lines[1:]))
                del lines[1:]
                reader = csv.reader(taken(), **settings)
        yield _Record(number, "".join(lines), fields, fault)
        number += len(lines)
        lines.clear()


def _readable(text):
    return text.encode("utf-8", "replace").decode()


def _header(path, record, columns):
    """Where the columns that are there are, and how many there are in all."""
    place = f"{path}:{record.number}"
    fault = _fault(record, None)
    if fault:
        raise DataError(
            f"{place}: the line of names: {fault.kind}: {fault.what}"
        )
    names = [name.strip() for name in record.fields]
    columns = {
        field: column
        for field, column in columns.items()
        if column.name in names or column.default is None
    }
    for name, *_ in columns.values():
        if names.count(name) != 1:
            count = "no column" if name not in names else "several columns"
            raise DataError(
                f'{path}: {count} "{name}". Columns by its first line, which '
                f"must name them: {', '.join(names):.500}"
            )
    places = {field: names.index(c.name) for field, c in columns.items()}
    return places, len(names)


def _piece(batch, columns, places, width):
    rejected, sound = [], batch
    if not _is_sound(batch, width):
        found = [(record, _fault(record, width)) for record in batch]
        rejected = [_rejected(r, (fault,)) for r, fault in found if fault]
        sound = [record for record, fault in found if not fault]
    texts = {
        field: pa.array([r.fields[place] for r in sound], pa.string())
        for field, place in places.items()
    }
    kept = np.ones(len(sound), bool)
    faults = [[] for _ in sound]
    for field, (name, kind, _) in columns.items():
        for row, trouble, what in WRITTEN_VALUES[kind].faults(texts[field]):
            faults[row].append(Fault(field, trouble, f"{name}={what}"))
            kept[row] = False
    rejected += [
        _rejected(sound[row], tuple(faults[row]))
        for row in np.flatnonzero(~kept)
    ]
    rows = np.flatnonzero(kept)
    table = pa.table(
        {
            field: WRITTEN_VALUES[column.kind].parse(texts[field].filter(kept))
            for field, column in columns.items()
        }
    )
    numbers = np.array([sound[row].number for row in rows], np.int64)
    return ColumnPiece(
        table, numbers, lambda row: _text(sound[rows[row]]), tuple(rejected)
    )


def _is_sound(batch, width):
    try:
        "".join([record.text for record in batch]).encode()
    except UnicodeEncodeError:
        return False
    return all(r.fields and len(r.fields) == width for r in batch)


def _rejected(record, faults):
    text = _text(record).encode("utf-8", "surrogateescape")
    return RejectedRow(record.number, text.decode("utf-8", "replace"), faults)


def _text(record):
    return record.text.rstrip("\r\n")


def _fault(record, width):
    if record.fault:
        return record.fault
    try:
        record.text.encode()
    except UnicodeEncodeError as error:
        byte = ord(record.text[error.start]) - 0xDC00
        what = f"byte 0x{byte:02x} at character {error.start + 1}"
        return Fault("record", "no UTF-8", what)
    if width is not None and len(record.fields) != width:
        what = f"{len(record.fields)} of {width}"
        return Fault("record", "wrong number of fields", what)
    return None
