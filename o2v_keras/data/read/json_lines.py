"""Columns of files of one JSON object a line."""

import functools
import json
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.json

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.read.block import ARROW_TYPES
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.block import as_json_texts
from o2v_keras.data.read.block import as_lists
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.lines import TextLines
from o2v_keras.data.read.lines import numbered
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.data.read.map_in_threads import map_in_threads
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault
from o2v_keras.data.read.record import parse_record

# The processor's cache holds a chunk with all that is made of it.
_CHUNK_BYTES = 512 << 10
_BYTES_PER_ROW = 100
_GROUP_LINES = 64
_BEYOND_PYTHON = "nested too deep, or a number of too many digits"


def read_json_lines(
    path: str, columns: Mapping[str, Column], rows: int | None = None
) -> Iterator[Block]:
    """Reads columns of a file of one JSON object a line.

    Arrow parses chunks of lines in C++, several at a time. Only lines that
    arrow refuses, and at most 63 neighbors of each, are parsed in Python,
    which says what is wrong.

    Args:
        path: The file, plain, `.gz` or `.zst`.
        columns: Field of the block -> `Column`.
        rows: About how many rows a block has, at a hundred bytes each.
            Defaults to `None`: 512 KiB of text.

    Yields:
        `Block`s, numbered by line from 1.

    Raises:
        OSError: If the file cannot be read.
    """
    size = rows * _BYTES_PER_ROW if rows else _CHUNK_BYTES
    parse = functools.partial(parse_lines, columns=columns)
    with open_stream(path) as stream:
        yield from map_in_threads(parse, numbered(whole_lines(stream, size)))


def field_names(path: str) -> list[str]:
    """Names of the fields of a file's first record, for an error message.

    Raises:
        OSError: If the file cannot be read.
    """
    with open_stream(path) as stream:
        for text in whole_lines(stream, _CHUNK_BYTES):
            lines = TextLines.scan(text, 1)
            if len(lines):
                return list(json.loads(lines.record(0)))
    return []


def parse_lines(
    text: bytes, first_number: int, columns: Mapping[str, Column]
) -> Block:
    r"""Reads columns of whole lines of a JSON Lines file.

    Args:
        text: bytes. Whole lines, with `\n` or `\r\n` between them.
        first_number: int. Number of the first line in its file.
        columns: Field of the block -> `Column`.

    Returns:
        `Block` of the lines that are not blank.

    Example:
    >>> text = b'{"in0": [6, 17]}\n\n{"in0": 5}\n'
    >>> block = parse_lines(text, 10, {"in0": Column("in0", "ids")})
    >>> block.numbers, block.table["in0"].to_pylist()
    (array([10, 12]), [[6, 17], [5]])
    """
    lines = TextLines.scan(text, first_number)
    occurring = {
        field: column
        for field, column in columns.items()
        if column.default is None or _names_field(text, column.name)
    }
    if not len(lines):
        return Block.empty(occurring)
    try:
        table = _parse_with_arrow(lines, occurring)
        return Block(table, lines.numbers, lines.record)
    except pa.ArrowInvalid:
        return _parse_in_groups(lines, occurring)


def _names_field(text, name):
    """Whether a record of a text may have a field; cheap where none has."""
    return json.dumps(name).encode() in text


def _parse_in_groups(lines, columns):
    tables, rows, rejected = [], [], []
    for start in range(0, len(lines), _GROUP_LINES):
        group = lines[start : start + _GROUP_LINES]
        try:
            table, sound = _parse_with_arrow(group, columns), range(len(group))
        except pa.ArrowInvalid:
            table, sound = _parse_in_python(group, columns, rejected)
        tables.append(table)
        rows += [start + row for row in sound]
    rows = np.array(rows, np.int64)
    return Block(
        pa.concat_tables(tables),
        lines.numbers[rows],
        lambda row: lines.record(rows[row]),
        tuple(rejected),
    )


def _parse_with_arrow(lines, columns):
    # Arrow would read two objects on one line, or one that spans two lines,
    # and crashes on a text that begins with `null` (pyarrow 26). When every
    # line is braced, each line break lies between two objects; equal counts
    # then mean one object a line.
    if not lines.braced.all():
        raise pa.ArrowInvalid("a line is not one object")
    table = pyarrow.json.read_json(
        pa.BufferReader(lines.span),
        pyarrow.json.ReadOptions(
            use_threads=False, block_size=len(lines.span) + 1
        ),
        pyarrow.json.ParseOptions(
            explicit_schema=_schema(lines, columns),
            unexpected_field_behavior="ignore",
        ),
    )
    if len(table) != len(lines):
        raise pa.ArrowInvalid("a line is not one object")
    return pa.table(
        {
            field: _finished(table[column.name], column, lines)
            for field, column in columns.items()
        }
    )


def _schema(lines, columns):
    """The types of the columns by the first line.

    There ids stand alone or in lists, and values of any type are integers or
    texts; Python reads others.
    """
    types = {name: ARROW_TYPES[kind] for name, kind, _ in columns.values()}
    if len({column[:2] for column in columns.values()}) > len(types):
        raise pa.ArrowInvalid("a field is asked for as two kinds")
    # As numbers they come as they are written.
    numbers = {
        column.name: column._replace(kind="number")
        for column in columns.values()
        if column.kind in ("ids", "json")
    }
    for name, value in parse_record(_text(lines, 0), numbers)[0].items():
        if type(value) is int:
            types[name] = pa.int64()
    return pa.schema(types.items())


def _finished(values, column, lines):
    if column.kind == "ids":
        values = as_lists(values)
        if values.flatten().null_count:
            raise pa.ArrowInvalid("an id is null")
    elif column.kind in ("text", "json"):
        values.validate(full=True)  # arrow takes what is no UTF-8
        if column.kind == "json":
            values = as_json_texts(values.combine_chunks())
    elif column.default is not None and values.null_count:
        return _with_defaults(values, column, lines)
    return values


def _with_defaults(numbers, column, lines):
    """Fills in the default where there is no field; a null stays null.

    To arrow the two are one.
    """
    values = numbers.to_pylist()
    for row in np.flatnonzero(np.array(numbers.is_null())):
        values[row] = column.default
        if _names_field(_line(lines, row), column.name):
            found, _ = parse_record(_text(lines, row), {"": column})
            values[row] = found.get("")
    return pa.array(values, pa.float64())


def _parse_in_python(lines, columns, rejected):
    """Returns the table and the numbers of the sound ones of a few lines."""
    records, sound = [], []
    for row in range(len(lines)):
        record, faults = _parse_line(lines, row, columns)
        # A row in which a value is missing and nothing else is wrong is sound.
        if any(fault.kind != "missing" for fault in faults):
            number = int(lines.numbers[row])
            rejected.append(RejectedRow(number, lines.record(row), faults))
        else:
            records.append(record)
            sound.append(row)
    arrays = {}
    for field, column in columns.items():
        values = [record.get(field) for record in records]
        if column.kind == "number":
            values = [None if v is None else float(v) for v in values]
        arrays[field] = pa.array(values, ARROW_TYPES[column.kind])
    return pa.table(arrays), sound


def _parse_line(lines, row, columns):
    record, faults = parse_record(_text(lines, row), columns)
    if record or faults:
        return record, faults
    try:
        table = _parse_with_arrow(lines[row : row + 1], columns)
        return table.to_pylist()[0], ()
    except pa.ArrowInvalid:
        return {}, (Fault("record", "malformed JSON", _BEYOND_PYTHON),)


def _line(lines, row):
    return lines.text[lines.starts[row] : lines.ends[row]]


def _text(lines, row):
    return _line(lines, row).decode("utf-8", "surrogateescape")
