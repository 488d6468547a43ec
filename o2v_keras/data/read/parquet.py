"""Columns of Parquet files."""

import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import read_failure
from o2v_keras.data.ragged_input import is_list
from o2v_keras.data.ragged_input import row_lengths
from o2v_keras.data.read.block import ARROW_TYPES
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.block import as_json_texts
from o2v_keras.data.read.block import as_lists
from o2v_keras.data.read.file_system import open_random
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault
from o2v_keras.data.read.record import parse_record

_BLOCK_ROWS = 1 << 13
_BUFFER_BYTES = 1 << 20


def read_parquet(
    path: str,
    columns: Mapping[str, Column],
    rows: int | None = None,
    row_group: int | None = None,
) -> Iterator[Block]:
    """Reads columns of a Parquet file.

    Args:
        path: The file.
        columns: Field of the block -> `Column`.
        rows: Rows of a block. Defaults to `None`: 8,192.
        row_group: Number of the only row group to read. Defaults to `None`:
            all.

    Yields:
        `Block`s, numbered by row from 0.

    Raises:
        DataError: If the file lacks a column or one is of another type; the
            message names all such columns.
        OSError: If the file cannot be read.
    """
    with pyarrow.parquet.ParquetFile(
        open_random(path), buffer_size=_BUFFER_BYTES
    ) as file:
        schema = file.schema_arrow
        columns = {
            field: column
            for field, column in columns.items()
            if column.name in schema.names or column.default is None
        }
        check_schema(path, schema, columns)
        sizes = _row_group_sizes(file)
        groups = range(len(sizes)) if row_group is None else [row_group]
        first = 0 if row_group is None else sum(sizes[:row_group])
        names = list(dict.fromkeys(column.name for column in columns.values()))
        for batch in file.iter_batches(
            rows or _BLOCK_ROWS, groups, columns=names
        ):
            yield arrow_block(batch, first, columns)
            first += len(batch)


def row_group_sizes(path: str) -> list[int]:
    """Number of rows in each row group of a file.

    Raises:
        DataError: If the file is no Parquet file.
    """
    try:
        with pyarrow.parquet.ParquetFile(open_random(path)) as file:
            return _row_group_sizes(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise read_failure(path, error) from error


def _row_group_sizes(file):
    groups = range(file.metadata.num_row_groups)
    return [file.metadata.row_group(group).num_rows for group in groups]


def check_schema(
    place: str,
    schema: pa.Schema,
    columns: Mapping[str, Column],
    names: Sequence[str] | None = None,
) -> None:
    """Checks that columns are there once and hold what they should.

    Args:
        place: The file, or what else the columns are of.
        schema: Of the columns.
        columns: Field -> `Column` that must be there.
        names: All columns, for the message. Defaults to those of `schema`.

    Raises:
        DataError: With all columns that do not fit.
    """
    faults = []
    for name, kind, _ in columns.values():
        fits, rule = _RULES[kind]
        count = schema.names.count(name)
        if count != 1:
            faults.append(
                f'{"several columns" if count else "no column"} "{name}"'
            )
        elif not fits(type_ := schema.field(name).type):
            faults.append(f'column "{name}" is {type_}, must be {rule}')
    if faults:
        raise DataError(
            f"{place}: {'; '.join(faults)}. "
            f"Its columns: {', '.join(names or schema.names):.500}"
        )


def _holds_ids(type_):
    if is_list(type_):
        type_ = type_.value_type
        return pa.types.is_integer(type_) or pa.types.is_null(type_)
    return pa.types.is_integer(type_)


def _holds_texts(type_):
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return (
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
        or pa.types.is_null(type_)
    )


def _holds_numbers(type_):
    return (
        pa.types.is_integer(type_)
        or pa.types.is_floating(type_)
        or pa.types.is_decimal(type_)
    )


_RULES = {
    "ids": (
        _holds_ids,
        "integers or lists of integers; texts need a tokenizer, such as "
        'enc0_tokenizer "words"',
    ),
    "text": (_holds_texts, "text, or else have no tokenizer"),
    "number": (_holds_numbers, "a number"),
    "json": (lambda type_: True, ""),
}


def arrow_block(
    batch: pa.RecordBatch, first: int, columns: Mapping[str, Column]
) -> Block:
    """Makes a block of rows of a table.

    Args:
        batch: Rows, of a schema that `check_schema` has passed.
        first: Number of the first row.
        columns: Field of the block -> `Column`.
    """
    table = pa.Table.from_batches([batch])
    raw, no_texts, bad = {}, {}, set()
    for field, column in columns.items():
        values = table[column.name]
        if column.kind == "text" or _holds_texts(values.type):
            raw[field], no_texts[field] = _texts(values)
            bad |= no_texts[field]
        elif column.kind == "ids":
            raw[field] = as_lists(values)
            bad |= _rows_without_all_ids(raw[field])
        else:
            raw[field] = values.combine_chunks()

    def record(row):
        values = {c.name: raw[f][row].as_py() for f, c in columns.items()}
        return json.dumps(values, ensure_ascii=False, default=plain_value)

    def faults(row):
        for field, rows in no_texts.items():
            if row in rows:
                what = f'"{columns[field].name}" holds bytes that are no UTF-8'
                yield Fault(field, "no UTF-8", what)
        yield from parse_record(record(row), columns)[1]

    rejected = tuple(
        RejectedRow(first + row, record(row), tuple(faults(row)))
        for row in sorted(bad)
    )
    sound = pa.table(
        {f: _typed(raw[f], column.kind) for f, column in columns.items()}
    )
    rows = np.arange(len(table))
    if bad:
        rows = np.delete(rows, list(bad))
        sound = sound.take(pa.array(rows))
    return Block(sound, first + rows, lambda row: record(rows[row]), rejected)


def plain_value(value: Any) -> float | str:
    """Returns what JSON writes for a value that it has no word for.

    Example:
    >>> import datetime
    >>> plain_value(datetime.date(2026, 11, 29))
    '2026-11-29'
    """
    try:
        return float(value)
    except TypeError:
        return str(value)


def _typed(values, kind):
    if kind == "json":
        return as_json_texts(values)
    # Unsafe, for a label or weight need not be a float64 to the last digit.
    return values.cast(ARROW_TYPES[kind], safe=False)


def _texts(column):
    """Makes strings of a column, and finds the rows that are no UTF-8."""
    column = column.cast(pa.string()).combine_chunks()
    try:
        column.validate(full=True)
        return column, set()
    except pa.ArrowInvalid:
        texts, bad = column.cast(pa.binary()).to_pylist(), set()
    for row, text in enumerate(texts):
        try:
            texts[row] = None if text is None else text.decode()
        except UnicodeDecodeError:
            texts[row] = text.decode("utf-8", "replace")
            bad.add(row)
    return pa.array(texts, pa.string()), bad


def _rows_without_all_ids(lists):
    """Rows in which an id is null, or unsigned and beyond int64."""
    ids = lists.flatten()
    if not ids.null_count and not pa.types.is_uint64(ids.type):
        return set()
    bad = ids.is_null()
    if pa.types.is_uint64(ids.type):
        beyond = pc.greater(ids, pa.scalar(2**63 - 1, pa.uint64()))
        bad = pc.or_(bad, pc.fill_null(beyond, False))
    places = np.flatnonzero(bad)
    ends = np.cumsum(row_lengths(lists))
    return set(np.searchsorted(ends, places, side="right").tolist())
