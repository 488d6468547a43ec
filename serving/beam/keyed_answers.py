"""Answers beside what tells their rows apart."""

import dataclasses
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from o2v_keras.storage.vector_files import Vectors
from o2v_keras.storage.vector_files import json_line
from serving.batch_inference.window import Window

FILE, LINE = "file", "line"


@dataclasses.dataclass(frozen=True)
class RowKeys:
    """Names the rows of a corpus.

    Args:
        id_field: Field of the records that names them: a string or an
            integer. Defaults to `None`: they are named by `file` and `line`,
            which counts from 1.
    """

    id_field: str | None = None

    def keyed(self, window: Window, answers: Vectors) -> "KeyedAnswers":
        """Names the rows of a window; one without a name is bad."""
        reasons = dict(answers.reasons)
        keys = {}
        for row in np.flatnonzero(answers.sound).tolist():
            try:
                keys[row] = self._key(window, row)
            except ValueError as error:
                reasons[row] = str(error)
        return KeyedAnswers(window, answers.values, keys, reasons)

    def schema(self, column: str) -> pa.Schema:
        """The columns of a Parquet file of answers."""
        keys = {FILE: pa.string(), LINE: pa.int64()}
        if self.id_field:
            keys = {self.id_field: pa.string()}
        return pa.schema({**keys, column: pa.list_(pa.float32())})

    def _key(self, window, row):
        if self.id_field is None:
            return {FILE: window.file, LINE: window.first_line + row}
        id_ = json.loads(window.record(row)).get(self.id_field)
        if type(id_) not in (str, int):
            raise ValueError(
                f'"{self.id_field}" must be a string or an integer: '
                f"{json.dumps(id_)}"
            )
        return {self.id_field: id_}


@dataclasses.dataclass(frozen=True, eq=False)
class KeyedAnswers:
    """The answers to a window's rows, and why others have none.

    Args:
        window: The rows.
        values: float32 `(rows, dim)`.
        keys: Row -> what names it, of the rows that have an answer.
        reasons: Row -> why it is bad.
    """

    window: Window
    values: np.ndarray
    keys: dict[int, dict[str, object]]
    reasons: dict[int, str]

    def json_lines(self, column: str) -> Iterator[str]:
        """Yields `{"file": ..., "line": ..., "<column>": [...]}`."""
        for row, key in self.keys.items():
            yield json_line(key, column, self.values[row]).decode().rstrip()

    def table(self, schema: pa.Schema) -> pa.Table:
        """Returns the answers under the columns of `RowKeys.schema`."""
        *names, _ = schema.names
        columns = [
            pa.array(
                [_as(schema.field(n).type, k[n]) for k in self.keys.values()],
                schema.field(n).type,
            )
            for n in names
        ]
        values = self.values[list(self.keys)]
        offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
        vectors = pa.ListArray.from_arrays(offsets, values.ravel())
        return pa.table([*columns, vectors], schema)

    def bad_rows(self) -> Iterator[str]:
        """Yields file, line, reason and record of each bad row, as JSON."""
        for row, reason in sorted(self.reasons.items()):
            entry = {
                FILE: self.window.file,
                LINE: self.window.first_line + row,
                "reason": reason,
                "record": self.window.record(row),
            }
            yield json.dumps(entry)


def _as(type_, value):
    # An id may be a string in one record and an integer in another.
    return str(value) if pa.types.is_string(type_) else value
