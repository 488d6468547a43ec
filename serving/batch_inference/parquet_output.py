"""Answers as a Parquet column."""

import pathlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from serving.batch_inference.answers import Answers
from serving.batch_inference.window import is_name


class ParquetOutput:
    """A column of lists of float32; a bad row is null.

    Args:
        column: Name of the column, `"scores"` or `"embeddings"`.
        id_column: Name of the column of what names the rows: integers if all
            are, else texts. Defaults to `None`: there is none.
    """

    def __init__(self, column: str, id_column: str | None = None):
        self._answers = pa.field(column, pa.list_(pa.float32()))
        self._id_column = id_column

    def write_part(self, file: BinaryIO, answers: Answers):
        """Writes the answers of one window."""
        sound = answers.sound
        lengths = np.where(sound, answers.values.shape[1], 0)
        lists = pa.LargeListArray.from_arrays(
            np.append(0, np.cumsum(lengths)),
            answers.values[sound].ravel(),
            mask=pa.array(~sound),
        )
        columns = {self._answers.name: lists.cast(self._answers.type)}
        if self._id_column is not None:
            columns = {self._id_column: _names(answers.names), **columns}
        table = pa.table(columns)
        pyarrow.parquet.write_table(table, file, use_dictionary=False)

    def join(self, file: BinaryIO, parts: Sequence[pathlib.Path]):
        """Writes one file of all parts."""
        schema = self._schema(parts)
        with pyarrow.parquet.ParquetWriter(
            file, schema, use_dictionary=False
        ) as writer:
            for part in parts:
                writer.write_table(
                    pyarrow.parquet.read_table(part).cast(schema)
                )

    def _schema(self, parts):
        if self._id_column is None:
            return pa.schema([self._answers])
        types = {
            pyarrow.parquet.read_schema(part).field(self._id_column).type
            for part in parts
        } - {pa.null()}
        type_ = types.pop() if len(types) == 1 else pa.string()
        return pa.schema([(self._id_column, type_), self._answers])


def _names(names):
    names = [name if is_name(name) else None for name in names]
    given = [name for name in names if name is not None]
    if not given:
        return pa.nulls(len(names))
    if all(type(name) is int and -(2**63) <= name < 2**63 for name in given):
        return pa.array(names, pa.int64())
    return pa.array([n if n is None else str(n) for n in names], pa.string())
