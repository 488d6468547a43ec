"""Columns of JSON Lines files."""

import json
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.json

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.record_faults import parse_record
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.files.arrow_pairs import as_lists
from o2v_keras.data.files.column_piece import ARROW_TYPES
from o2v_keras.data.files.column_piece import ColumnPiece
from o2v_keras.data.files.json_defaults import names_field
from o2v_keras.data.files.json_defaults import with_defaults
from o2v_keras.data.files.json_lines import numbered
from o2v_keras.data.files.json_lines import whole_lines
from o2v_keras.data.files.text_lines import TextLines
from o2v_keras.data.read.file_system import open_stream

_CHUNK_BYTES = 1 << 20
_BEYOND_PYTHON = "nested too deep, or a number of too many digits"


def read_json_columns(
    path: str, columns: Mapping[str, Column], chunk_bytes: int = _CHUNK_BYTES
) -> Iterator[ColumnPiece]:
    """Reads columns of a file of one JSON object a line.

    Arrow parses chunks in C++. One that it refuses is read in Python, line
    by line.

    Args:
        path: The file, plain, `.gz` or `.zst`.
        columns: Name in the piece -> `Column`.
        chunk_bytes: Text read at a time; a longer line is still read whole.
            Defaults to 1 MiB.

    Yields:
        `ColumnPiece`s.

    Raises:
        OSError: If the file cannot be read.
    """
    with open_stream(path) as stream:
        for text, number in numbered(whole_lines(stream, chunk_bytes)):
            lines = TextLines.scan(text, number)
            if len(lines):
                yield _parse(lines, _occurring(lines, columns))


def _occurring(lines, columns):
    """Leaves out the columns with a default that no line names."""
    return {
        field: column
        for field, column in columns.items()
        if column.default is None or names_field(lines.text, column.name)
    }


def _parse(lines, columns):
    try:
        table = _parse_with_arrow(lines, columns)
    except pa.ArrowInvalid:
        return _parse_in_python(lines, columns)
    return ColumnPiece(table, lines.numbers, lines.record, ())


def _parse_with_arrow(lines, columns):
    # Arrow would read two objects on one line, and crashes on a text that
    # begins with `null` (pyarrow 26).
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
    table.validate(full=True)  # arrow takes what is no UTF-8
    table = table.rename_columns(list(columns))
    for place, (name, column) in enumerate(columns.items()):
        if column.kind in ("ids", "id or ids"):
            lists = as_lists(table[name])
            if lists.flatten().null_count:
                raise pa.ArrowInvalid("an id is null")
            table = table.set_column(place, name, lists)
        elif column.default is not None:
            filled = with_defaults(table[name], column, lines)
            table = table.set_column(place, name, filled)
    return table


def _schema(lines, columns):
    """The types of the columns; ids stand alone if those of a row do."""
    types = {name: ARROW_TYPES[kind] for name, kind, _ in columns.values()}
    singles = {n: c for n, c in columns.items() if c.kind == "id or ids"}
    if singles:
        first, _ = parse_record(lines.record(0), singles)
        for name, value in first.items():
            if type(value) is int:
                types[singles[name].name] = pa.int64()
    return pa.schema(types.items())


def _parse_in_python(lines, columns):
    values = {name: [] for name in columns}
    rows, rejected = [], []
    for row in range(len(lines)):
        found, faults = _parse_line(lines, row, columns)
        faults = tuple(f for f in faults if f.kind != "missing")
        if faults:
            number, record = int(lines.numbers[row]), lines.record(row)
            rejected.append(RejectedRow(number, record, faults))
            continue
        rows.append(row)
        for name, column in values.items():
            column.append(found.get(name))
    rows = np.array(rows, int)
    return ColumnPiece(
        _table(values, columns),
        lines.numbers[rows],
        lambda row: lines.record(rows[row]),
        tuple(rejected),
    )


def _parse_line(lines, row, columns):
    try:
        record = lines.text[lines.starts[row] : lines.ends[row]].decode()
    except UnicodeDecodeError as error:
        return {}, (Fault("record", "no UTF-8", str(error)),)
    found, faults = parse_record(record, columns)
    if not found and not faults:
        faults = (Fault("record", "malformed JSON", _BEYOND_PYTHON),)
    return found, faults


def _table(values, columns):
    arrays = {}
    for name, column in values.items():
        kind = columns[name].kind
        if kind == "id or ids":
            column = [[v] if type(v) is int else v for v in column]
        if kind == "number":
            column = [v if v is None else float(v) for v in column]
        arrays[name] = pa.array(column, ARROW_TYPES[kind])
    return pa.table(arrays)


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
