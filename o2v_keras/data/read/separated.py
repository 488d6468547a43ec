"""Columns of CSV and TSV files."""

import csv
import io
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.cells import parse_cells
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.data.read.map_in_threads import map_in_threads
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import column_hint
from o2v_keras.data.read.strict_csv import FIELD_CHARACTERS
from o2v_keras.data.read.strict_csv import CsvRecord
from o2v_keras.data.read.strict_csv import Layout
from o2v_keras.data.read.strict_csv import strict_records

_CHUNK_BYTES = 512 << 10
_BYTES_PER_ROW = 100
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
# ASCII's unit separator.
_UNIT = "\x1f"


class Separation(NamedTuple):
    """How the columns of a text file are written, whatever its ending.

    Args:
        separator: str. What stands between fields. Fields may stand in quotes
            where it is `,` or `;`, as in CSV.
        header: bool. Whether the first line names the columns. Otherwise
            their names are `"1"`, `"2"` and so on. Defaults to `True`.
    """

    separator: str
    header: bool = True

    @classmethod
    def of_ending(cls, path: str) -> "Separation":
        """Returns that of a `.csv` or `.tsv` file."""
        is_tsv = path.endswith((".tsv", ".tsv.gz", ".tsv.zst"))
        return cls("\t" if is_tsv else ",")

    @property
    def dialect(self) -> dict[str, Any]:
        """Settings of `csv.reader`."""
        if self.separator in (",", ";"):
            return {"delimiter": self.separator, "strict": True}
        return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}

    @property
    def delimiter(self) -> str:
        """The separator, or one character that stands in for it."""
        return self.separator if len(self.separator) == 1 else _UNIT

    def chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Writes the delimiter in place of a separator of more characters."""
        if self.delimiter == self.separator:
            return chunks
        old, new = self.separator.encode(), self.delimiter.encode()
        return (chunk.replace(old, new) for chunk in chunks)


def read_separated(
    path: str,
    columns: Mapping[str, Column],
    rows: int | None = None,
    separation: Separation | None = None,
) -> Iterator[Block]:
    """Reads columns of a CSV or TSV file, whose first line names them.

    CSV is that of RFC 4180: a field in double quotes may hold commas, line
    breaks and, each written twice, quotes. In TSV a quote is a character
    like any other, and fields hold neither tabs nor line breaks, as the media
    type `text/tab-separated-values` says: corpora of sentences are written
    so, and a reader that heeds quotes would take lines of them for one.

    Arrow splits chunks of lines in which each line is a record of the right
    width and each quote is in its place. All other chunks are split by
    Python's strict `csv`, which says what is wrong.

    Args:
        path: `.csv` or `.tsv`, also with `.gz` or `.zst`.
        columns: Field of the block -> `Column`. `parse_cells` says how ids
            are written.
        rows: About how many rows a block has, at a hundred bytes each.
            Defaults to `None`: 512 KiB of text.
        separation: How the columns are written. Defaults to `None`: as the
            ending says, with a first line of names.

    Yields:
        `Block`s without nulls, numbered by line from 1.

    Raises:
        DataError: If a column is missing, or there twice, or the first line
            is no UTF-8.
        OSError: If the file cannot be read.
    """
    # For the whole process, and only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_CHARACTERS))
    separation = separation or Separation.of_ending(path)
    size = rows * _BYTES_PER_ROW if rows else _CHUNK_BYTES
    with open_stream(path) as stream:
        lines = _Lines(separation.chunks(whole_lines(stream, size)))
        layout = _read_header(path, lines, columns, separation)
        parts = ((part, layout) for part in _split(lines, layout))
        yield from map_in_threads(_block, parts)


class _Lines:
    """The lines of a file, by chunks of whole lines or one by one.

    Args:
        chunks: Iterator of whole lines, many at a time.

    Attributes:
        number: int. Number of the next line.
    """

    def __init__(self, chunks):
        self.number = 1
        self._chunks = chunks
        self._chunk, self._place = b"", 0

    def chunk(self):
        """Takes the rest of the chunk, or else the next; `b""` at the end."""
        chunk = self._chunk[self._place :] or next(self._chunks, b"")
        self._chunk, self._place = b"", 0
        self.number += chunk.count(b"\n")
        return chunk

    def peek(self):
        """Takes nothing: the next chunk; `b""` at the end."""
        self._chunk, self._place = self._chunk[self._place :], 0
        self._chunk = self._chunk or next(self._chunks, b"")
        return self._chunk

    def __iter__(self):
        return self

    def __next__(self):
        if self._place == len(self._chunk):
            self._chunk, self._place = next(self._chunks), 0
        end = self._chunk.find(b"\n", self._place) + 1 or len(self._chunk)
        line, self._place = self._chunk[self._place : end], end
        self.number += 1
        return _decoded(line)


def _decoded(line):
    return line.decode("utf-8", "surrogateescape")


class _Regular(NamedTuple):
    """A text in which each line that is not empty is a sound record.

    Args:
        text: bytes.
        starts: int64 array of shape `(records,)`. First byte of each line.
        ends: int64 array of shape `(records,)`. Byte after the last.
        numbers: int64 array of shape `(records,)`. Line in the file.
    """

    text: bytes
    starts: np.ndarray
    ends: np.ndarray
    numbers: np.ndarray
    rejected: tuple[Any, ...] = ()

    @classmethod
    def of(cls, text, number, layout):
        """Finds the records; `None` if the text holds anything else."""
        if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
            return None
        if not text.isascii() and not _is_utf8(text):
            return None
        data = np.frombuffer(text, np.uint8)
        breaks = np.flatnonzero(data == _NEWLINE)
        delimiter = ord(layout.dialect["delimiter"])
        delimiters = np.flatnonzero(data == delimiter)
        if "quoting" not in layout.dialect and b'"' in text:
            quotes = np.flatnonzero(data == _QUOTE)
            if not _are_strict(data, quotes, delimiter):
                return None
            if _are_quoted(breaks, quotes).any():
                return None
            delimiters = delimiters[~_are_quoted(delimiters, quotes)]
        starts, ends = np.append(0, breaks + 1), np.append(breaks, len(text))
        counts = np.diff(np.searchsorted(delimiters, ends), prepend=0)
        ends -= (ends > starts) & (data[ends - 1] == _RETURN)
        rows = np.flatnonzero(ends > starts)
        if (counts[rows] != layout.width - 1).any():
            return None
        return cls(text, starts[rows], ends[rows], number + rows)

    def cells(self, layout):
        """Field -> strings."""
        names = [str(place) for place in range(layout.width)]
        wanted = sorted({names[place] for place in layout.places.values()})
        no_quotes = "quoting" in layout.dialect
        table = pyarrow.csv.read_csv(
            pa.BufferReader(self.text),
            pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=len(self.text) + 1,
                column_names=names,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=layout.dialect["delimiter"],
                quote_char=False if no_quotes else '"',
            ),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
        return {
            field: table[names[place]].combine_chunks()
            for field, place in layout.places.items()
        }

    def record(self, row):
        return self.text[self.starts[row] : self.ends[row]].decode()


def _is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _are_quoted(places, quotes):
    return np.searchsorted(quotes, places) % 2 == 1


def _are_strict(data, quotes, delimiter):
    """Whether quotes surround whole fields, or stand in them twice."""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    # The text ends as it begins: between two lines.
    around = np.append(data, _NEWLINE).astype(np.uint8)
    allowed = np.isin(np.arange(256), [delimiter, _NEWLINE, _QUOTE])
    before = allowed[around[opening - 1]].all()
    allowed[_RETURN] = True
    return before and allowed[around[closing + 1]].all()


class _Irregular(NamedTuple):
    """Records that Python split, and those that are none."""

    records: list[CsvRecord]
    rejected: list[RejectedRow]

    @classmethod
    def of(cls, text, lines, number, layout):
        """Splits a text, and as many lines after it as its last record has."""
        begun = list(map(_decoded, io.BytesIO(text)))
        sound, rejected = [], []
        for record in strict_records(
            begun, lines, layout.dialect, number, layout
        ):
            fault = record.find_fault(layout.width)
            if fault:
                row = record.number, record.written, (fault,)
                rejected.append(RejectedRow(*row))
            elif record.fields:  # no blank line
                sound.append(record)
        return cls(sound, rejected)

    @property
    def numbers(self):
        return np.array([record.number for record in self.records], np.int64)

    def cells(self, layout):
        """Field -> strings."""
        return {
            field: pa.array(
                [r.fields[place] for r in self.records], pa.string()
            )
            for field, place in layout.places.items()
        }

    def record(self, row):
        return self.records[row].written


def _split(lines, layout):
    """Yields the records of a file, many at a time."""
    number = lines.number
    while text := lines.chunk():
        regular = _Regular.of(text, number, layout)
        yield regular or _Irregular.of(text, lines, number, layout)
        number = lines.number


def _read_header(path, lines, columns, separation):
    """Reads the line that names the columns, if there is one."""
    names = (
        _names(path, lines, separation.dialect)
        if separation.header
        else _numbers(path, lines, separation.dialect)
    )
    columns = {
        field: column
        for field, column in columns.items()
        if column.name in names or column.default is None
    }
    for field, (name, *_) in columns.items():
        if names.count(name) != 1:
            count = "no column" if name not in names else "several columns"
            which = "Columns by its first line, which must name them"
            if not separation.header:
                which = "Its columns, without a line of names"
            raise DataError(
                f'{path}: {count} "{name}". {which}: {", ".join(names):.500}'
                + column_hint([field])
            )
    places = {field: names.index(c.name) for field, c in columns.items()}
    return Layout(separation.dialect, columns, places, len(names))


def _names(path, lines, dialect):
    number = lines.number
    for line in lines:
        (record,) = strict_records([line], lines, dialect, number)
        if record.fields or record.fault:
            break
        number = lines.number
    else:
        raise DataError(f"{path}: holds no line.")
    fault = record.find_fault()
    if fault:
        raise DataError(
            f"{path}:{number}: the line of names: {fault.kind}: {fault.what}"
        )
    return [name.strip() for name in record.fields]


def _numbers(path, lines, dialect):
    """Counts the columns of the first record, which stays to be read."""
    begun = map(_decoded, io.BytesIO(lines.peek()))
    for record in strict_records([*begun], iter(()), dialect, 1):
        if record.fields:
            return [str(place) for place in range(1, len(record.fields) + 1)]
        if record.fault:
            fault = record.fault
            raise DataError(
                f"{path}:{record.number}: {fault.kind}: {fault.what}"
            )
    raise DataError(f"{path}: holds no line.")


def _block(part, layout):
    values, faults = {}, {}
    for field, cells in part.cells(layout).items():
        values[field], found = parse_cells(cells, layout.columns[field], field)
        for row, fault in found.items():
            faults.setdefault(row, []).append(fault)
    numbers = part.numbers
    table, rows = pa.table(values), np.arange(len(numbers))
    if faults:
        rows = np.delete(rows, list(faults))
        table = table.take(pa.array(rows))
    rejected = (
        RejectedRow(int(numbers[row]), part.record(row), tuple(found))
        for row, found in faults.items()
    )
    return Block(
        table,
        numbers[rows],
        lambda row: part.record(rows[row]),
        (*part.rejected, *rejected),
    )
