"""Parquet files as pairs."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from o2v_keras.data.checking.record_faults import record_faults
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError
from o2v_keras.data.files.arrow_pairs import complete_rows
from o2v_keras.data.files.arrow_pairs import to_pair_table
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.ragged_input import is_list
from o2v_keras.data.read.file_system import open_random
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source

_BATCH_ROWS = 1 << 16
_BUFFER_BYTES = 1 << 20


def read_parquet(
    path: str,
    sides: Sequence[str],
    label: bool,
    batch_rows: int = _BATCH_ROWS,
    row_group: int | None = None,
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a Parquet file of lists `in0`, `in1`, a `label` and `weight`.

    Args:
        path: str. The file.
        sides: Names of the sides to read, of `"in0"` and `"in1"`.
        label: bool. Whether to read labels, and weights if there is a column
            of them.
        batch_rows: int. Rows read at a time. Defaults to 65,536.
        row_group: int. Number of the only row group to read. Defaults to
            `None`: all.

    Yields:
        Pairs and rejected rows, batch by batch.

    Raises:
        DataError: If the file is no Parquet file, lacks a column, or a
            column is no list of integers (a label or weight: no number). The
            message
            names all such columns.
    """
    names = [*sides, *(["label"] if label else [])]
    try:
        with pyarrow.parquet.ParquetFile(
            open_random(path), buffer_size=_BUFFER_BYTES
        ) as file:
            if label and "weight" in file.schema_arrow.names:
                names.append("weight")
            _check_columns(path, file.schema_arrow, names)
            sizes = _row_group_sizes(file.metadata)
            groups = [row_group] if row_group is not None else range(len(sizes))
            first = sum(sizes[: groups[0]]) if len(groups) else 0
            for batch in file.iter_batches(batch_rows, groups, columns=names):
                table = pa.Table.from_batches([batch])
                yield _split(table, Source(path, "row"), first, sides, label)
                first += len(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableError(f"{path}: cannot be read: {error}") from error


def row_group_sizes(path: str) -> list[int]:
    """Number of rows in each row group of a file.

    Raises:
        DataError: If the file is no Parquet file.
    """
    try:
        with pyarrow.parquet.ParquetFile(open_random(path)) as file:
            return _row_group_sizes(file.metadata)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableError(f"{path}: cannot be read: {error}") from error


def _row_group_sizes(metadata):
    groups = range(metadata.num_row_groups)
    return [metadata.row_group(group).num_rows for group in groups]


def _check_columns(path, schema, names):
    rules = []
    for name in names:
        fits, rule = _COLUMN_RULES[name]
        if schema.names.count(name) == 1:
            if holds_texts(schema.field(name).type):
                rule += _TOKENIZER
        rules.append((name, fits, rule))
    check_columns(path, schema, rules)


def check_columns(
    path: str,
    schema: pa.Schema,
    rules: Sequence[tuple[str, Callable[[pa.DataType], bool], str]],
    names: Sequence[str] | None = None,
) -> None:
    """Checks that each of some columns is there once and of a fitting type.

    Args:
        path: The file.
        schema: Of the file.
        rules: Name of each column, whether a type fits, and the words for
            what fits.
        names: All columns, for the message. Defaults to those of `schema`.

    Raises:
        DataError: With all columns that are not so.
    """
    faults = []
    for name, fits, rule in rules:
        count = schema.names.count(name)
        if count != 1:
            faults.append(
                f'{"several columns" if count else "no column"} "{name}"'
            )
        elif not fits(type_ := schema.field(name).type):
            faults.append(f'column "{name}" is {type_}, must be {rule}')
    if faults:
        raise DataError(
            f"{path}: {'; '.join(faults)}. "
            f"Its columns: {', '.join(names or schema.names):.500}"
        )


def holds_ids(type_: pa.DataType) -> bool:
    """Whether an arrow type holds a list of integers in every row."""
    return is_list(type_) and (
        pa.types.is_integer(type_.value_type)
        or pa.types.is_null(type_.value_type)
    )


def holds_texts(type_: pa.DataType) -> bool:
    """Whether an arrow type holds a text in every row."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return (
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    )


def holds_numbers(type_: pa.DataType) -> bool:
    """Whether an arrow type holds a number in every row."""
    return (
        pa.types.is_integer(type_)
        or pa.types.is_floating(type_)
        or pa.types.is_decimal(type_)
    )


_IDS = "a list of integers (a single token is a list of one)"
_TOKENIZER = '; texts need a tokenizer, such as enc0_tokenizer "words"'
_COLUMN_RULES = {
    "in0": (holds_ids, _IDS),
    "in1": (holds_ids, _IDS),
    "label": (holds_numbers, "a number"),
    "weight": (holds_numbers, "a number"),
}


def _split(table, source, first, sides, label):
    complete = complete_rows(table)
    numbers = first + np.arange(len(complete))
    rejected = []
    if not complete.all():
        records = table.filter(~complete).to_pylist()
        for number, record in zip(numbers[~complete], records, strict=True):
            record = json.dumps(record, default=float)
            faults = record_faults(record, sides, label)
            rejected.append(RejectedRow(int(number), record, faults))
        table = table.filter(complete)
    origin = RowOrigin.of(source, numbers[complete])
    return to_pair_table(table, origin), RejectedRows.of(source, rejected)
