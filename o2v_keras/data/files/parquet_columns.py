"""Columns of Parquet files."""

import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.record_faults import parse_record
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.files.arrow_pairs import as_lists
from o2v_keras.data.files.arrow_pairs import complete_rows
from o2v_keras.data.files.column_piece import ARROW_TYPES
from o2v_keras.data.files.column_piece import ColumnPiece
from o2v_keras.data.files.parquet_pairs import check_columns
from o2v_keras.data.files.parquet_pairs import holds_ids
from o2v_keras.data.files.parquet_pairs import holds_numbers
from o2v_keras.data.files.parquet_pairs import holds_texts
from o2v_keras.data.files.parquet_pairs import row_group_sizes
from o2v_keras.data.read.file_system import open_random

_PIECE_ROWS = 1 << 13


def read_parquet_columns(
    path: str,
    columns: Mapping[str, Column],
    batch_rows: int = _PIECE_ROWS,
    row_group: int | None = None,
) -> Iterator[ColumnPiece]:
    """Reads columns of a Parquet file.

    Args:
        path: The file.
        columns: Name in the piece -> `Column`.
        batch_rows: Rows read at a time. Defaults to 8,192.
        row_group: Number of the only row group to read. Defaults to `None`:
            all.

    Yields:
        `ColumnPiece`s.

    Raises:
        DataError: If the file lacks a column or one is of another type; the
            message names all such columns.
        OSError: If the file cannot be read.
    """
    with pyarrow.parquet.ParquetFile(open_random(path)) as file:
        columns = {
            field: column
            for field, column in columns.items()
            if column.name in file.schema_arrow.names or column.default is None
        }
        check_schema(path, file.schema_arrow, columns)
        groups, first = None, 0
        if row_group is not None:
            groups = [row_group]
            first = sum(row_group_sizes(path)[:row_group])
        names = list(dict.fromkeys(column.name for column in columns.values()))
        for batch in file.iter_batches(batch_rows, groups, columns=names):
            yield arrow_piece(batch, first, columns)
            first += len(batch)


def check_schema(
    place: str,
    schema: pa.Schema,
    columns: Mapping[str, Column],
    names: Sequence[str] | None = None,
) -> None:
    """Checks that columns are there and hold what they should.

    Args:
        place: The file, or what else the columns are of.
        schema: Of the columns.
        columns: Field -> `Column` that must be there.
        names: All columns, for the message. Defaults to those of `schema`.

    Raises:
        DataError: With all columns that do not fit.
    """
    rules = [(name, *_RULES[kind]) for name, kind, _ in columns.values()]
    check_columns(place, schema, rules, names)


def _holds_texts(type_):
    return holds_texts(type_) or pa.types.is_null(type_)


def _holds_id_or_ids(type_):
    return holds_ids(type_) or pa.types.is_integer(type_)


_RULES = {
    "id or ids": (
        _holds_id_or_ids,
        "integers or lists of integers; texts need a tokenizer, such as "
        '`enc0_tokenizer` "words"',
    ),
    "text": (_holds_texts, "text, or else have no tokenizer"),
    "number": (holds_numbers, "a number"),
}


def arrow_piece(
    batch: pa.RecordBatch, first: int, columns: Mapping[str, Column]
) -> ColumnPiece:
    """Takes some rows of a table apart into those that are whole and others.

    Args:
        batch: Rows, of a schema that `check_schema` has passed.
        first: Number of the first row.
        columns: Name in the piece -> `Column`.
    """
    table = pa.Table.from_batches([batch])
    raw, faults = {}, {}
    for field, (name, kind, _) in columns.items():
        raw[field], bad = _PREPARED[kind](table[name])
        for row in bad:
            what = f'"{name}" holds bytes that are no UTF-8'
            faults.setdefault(row, []).append(Fault(field, "no UTF-8", what))

    def record(row):
        values = {c.name: raw[f][row].as_py() for f, c in columns.items()}
        return json.dumps(values, ensure_ascii=False, default=float)

    lists = [f for f, column in columns.items() if column.kind == "id or ids"]
    for field in lists:
        complete = complete_rows(pa.table({field: raw[field]}))
        for row in np.flatnonzero(~complete & np.array(raw[field].is_valid())):
            only = {field: columns[field]}
            faults.setdefault(row, []).extend(
                parse_record(record(row), only)[1]
            )
    rejected = tuple(
        RejectedRow(int(first + row), record(row), tuple(found))
        for row, found in faults.items()
    )
    rows = np.setdiff1d(np.arange(len(table)), list(faults))
    kept = pa.table(
        {
            field: raw[field]
            .take(pa.array(rows))
            .cast(ARROW_TYPES[column.kind], safe=column.kind != "number")
            for field, column in columns.items()
        }
    )
    return ColumnPiece(
        kept, first + rows, lambda row: record(rows[row]), rejected
    )


def _prepared_texts(column):
    """Makes strings of a column, and finds those that are no UTF-8."""
    column = column.cast(pa.string()).combine_chunks()
    try:
        column.validate(full=True)
        return column, []
    except pa.ArrowInvalid:
        texts, bad = column.cast(pa.binary()).to_pylist(), []
    for row, text in enumerate(texts):
        try:
            texts[row] = None if text is None else text.decode()
        except UnicodeDecodeError:
            texts[row] = text.decode("utf-8", "replace")
            bad.append(row)
    return pa.array(texts, pa.string()), bad


_PREPARED = {
    "id or ids": lambda column: (as_lists(column), []),
    "text": _prepared_texts,
    "number": lambda column: (column.combine_chunks(), []),
}
