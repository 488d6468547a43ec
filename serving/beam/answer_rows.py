"""Answers as rows of shards, each beside what names it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from o2v_keras.storage.output_vectors import Vectors
from o2v_keras.storage.output_vectors import json_line
from serving.batch_inference.window import Window

FILE, LINE = "file", "line"


def answer_schema(id_field: str | None, column: str) -> pa.Schema:
    """Returns the columns of a Parquet file of answers.

    Args:
        id_field: Field that names the rows, or `None`: file and line do.
        column: Name of the answers.
    """
    names: dict[str, Any] = {FILE: pa.string(), LINE: pa.int64()}
    if id_field is not None:
        names = {id_field: pa.string()}
    return pa.schema({**names, column: pa.list_(pa.float32())})


def answer_lines(
    window: Window, vectors: Vectors, column: str
) -> Iterator[str]:
    """Yields `{"file": ..., "line": ..., "<column>": [...]}`."""
    for row in np.flatnonzero(vectors.sound).tolist():
        name = _name(window, vectors, row)
        yield json_line(name, column, vectors.values[row]).decode().rstrip()


def answer_tables(
    window: Window, vectors: Vectors, schema: pa.Schema, most_bytes: int
) -> Iterator[pa.Table]:
    """Yields the answers under the columns of `answer_schema`.

    Args:
        window: The rows.
        vectors: `Vectors`, their answers.
        schema: What `answer_schema` returns.
        most_bytes: Most bytes of the vectors of a table.
    """
    sound = np.flatnonzero(vectors.sound)
    row_bytes = max(1, vectors.values[:1].nbytes)
    rows = max(1, most_bytes // row_bytes)
    for first in range(0, len(sound), rows):
        yield _table(window, vectors, schema, sound[first : first + rows])


def _table(window, vectors, schema, sound):
    sound = sound.tolist()
    names = [_name(window, vectors, row) for row in sound]
    columns = []
    for field in list(schema)[:-1]:
        values = [name[field.name] for name in names]
        if pa.types.is_string(field.type):
            # An id may be a string in one record and an integer in another.
            values = list(map(str, values))
        columns.append(pa.array(values, field.type))
    answers = vectors.values[sound]
    offsets = np.arange(len(answers) + 1, dtype=np.int32) * answers.shape[1]
    lists = pa.ListArray.from_arrays(offsets, answers.ravel())
    return pa.table([*columns, lists], schema)


def _name(window, vectors, row):
    if window.id_column is None:
        return {FILE: window.file, LINE: int(window.numbers[row])}
    return {window.id_column: vectors.names[row]}
