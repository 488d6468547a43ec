"""Windows of a Parquet file."""

import dataclasses
import json
import os
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from serving.batch_inference.record import BadRecord
from serving.batch_inference.record import checked_sides
from serving.batch_inference.window import Records
from serving.batch_inference.window import Window
from serving.batch_inference.window import side_column


def read_parquet(
    path: str,
    number: int,
    columns: Mapping[str, str],
    rows: int,
    id_column: str | None = None,
) -> Iterator["ParquetWindow"]:
    """Yields the windows of a file.

    Args:
        path: The file.
        number: The input's number.
        columns: Side to read -> its column.
        rows: Rows of a window.
        id_column: The column that names the rows. Defaults to `None`.

    Raises:
        ValueError: If it is no Parquet file, lacks a column, or a column is
            neither lists of integers nor strings, or that of names neither
            integers nor strings.
    """
    first = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = list(columns.values())
            _check_columns(path, file.schema_arrow, names)
            if id_column is not None:
                _check_names(path, file.schema_arrow, id_column)
                names.append(id_column)
            share = os.path.getsize(path) / max(1, file.metadata.num_rows)
            batches = file.iter_batches(rows, columns=[*dict.fromkeys(names)])
            for window, batch in enumerate(batches):
                yield ParquetWindow(
                    input=number,
                    number=window,
                    file=path,
                    first_line=first + 1,
                    bytes_read=int(share * (first + len(batch))),
                    columns=columns,
                    id_column=id_column,
                    table=pa.Table.from_batches([batch]),
                )
                first += len(batch)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ParquetWindow(Window):
    """Rows of a table.

    Args:
        table: Columns of the sides, and the one of names.
    """

    table: pa.Table

    def __len__(self):
        return len(self.table)

    def _parse(self, text_sides):
        columns = {
            side: self._column(name, side in text_sides)
            for side, name in self.columns.items()
        }
        broken = np.any([broken for _, broken in columns.values()], axis=0)
        reasons = {
            int(row): self._reason(row, text_sides)
            for row in np.flatnonzero(broken)
        }
        return Records({s: c for s, (c, _) in columns.items()}, reasons)

    def _names(self):
        return self.table[self.id_column].to_pylist()

    def _column(self, name, is_text):
        column = self.table[name]
        if is_text != _holds_texts(column.type):
            kind = "text" if is_text else "a list of integers"
            raise ValueError(
                f'{self.file}: column "{name}" must be {kind}, which the model '
                f"takes there. It is {column.type}"
            )
        return side_column(column, is_text)

    def record(self, row):
        return json.dumps(self._values(row))

    def _values(self, row):
        return self.table.slice(row, 1).to_pylist()[0]

    def _reason(self, row, text_sides):
        try:
            checked_sides(self._values(row), self.columns, text_sides)
        except BadRecord as error:
            return str(error)
        raise AssertionError(f"row {row} was found broken and is sound")


def _check_columns(path, schema, names):
    for name in names:
        type_ = _type(path, schema, name)
        if not (_holds_ids(type_) or _holds_texts(type_)):
            raise ValueError(
                f'{path}: column "{name}" must be a list of integers (a '
                f"single token is a list of one) or text. It is {type_}"
            )


def _check_names(path, schema, name):
    type_ = _type(path, schema, name)
    if not (_holds_texts(type_) or pa.types.is_integer(type_)):
        raise ValueError(
            f'{path}: column "{name}" must be text or integers, to name rows. '
            f"It is {type_}"
        )


def _type(path, schema, name):
    count = schema.names.count(name)
    if count != 1:
        trouble = "several columns" if count else "no column"
        raise ValueError(
            f'{path}: {trouble} "{name}". Columns in the file: '
            f"{', '.join(schema.names)}"
        )
    return schema.field(name).type


def _holds_texts(type_):
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return pa.types.is_string(type_) or pa.types.is_large_string(type_)


def _holds_ids(type_):
    is_list = (
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
    )
    return is_list and (
        pa.types.is_integer(type_.value_type)
        or pa.types.is_null(type_.value_type)
    )
