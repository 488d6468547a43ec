"""Windows of a CSV or TSV file."""

import dataclasses
import os
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from o2v_keras.data.data_error import read_failure
from o2v_keras.data.read import separated
from o2v_keras.data.read.record import Column
from serving.batch_inference.record import BadRecord
from serving.batch_inference.record import checked_sides
from serving.batch_inference.window import Records
from serving.batch_inference.window import Window
from serving.batch_inference.window import side_column

_NAMES = "names"
_PACKED = (".gz", ".zst")


def read_separated(
    path: str,
    number: int,
    columns: Mapping[str, str],
    rows: int,
    id_column: str | None = None,
    text_sides: Collection[str] = (),
) -> Iterator["SeparatedWindow"]:
    """Yields the windows of a file, whose first line names its columns.

    Every record is a row, whatever is wrong with it; blank lines are none.

    Args:
        path: `.csv` or `.tsv`, also with `.gz` or `.zst`.
        number: The input's number.
        columns: Side to read -> its column; ids have blanks between them.
        rows: Lines of a window.
        id_column: The column that names the rows. Defaults to `None`.
        text_sides: Names of the sides that are texts. Defaults to none: all
            are ids.

    Raises:
        ValueError: If it lacks a column, or cannot be read.
    """
    wanted = {
        side: Column(name, "text" if side in text_sides else "ids")
        for side, name in columns.items()
    }
    if id_column is not None:
        wanted[_NAMES] = Column(id_column, "text")
    size, characters, windows = os.path.getsize(path), 0, 0
    try:
        for piece in separated.read_separated(path, wanted, rows):
            table, lines, records, reasons = _in_order(piece)
            if not lines:
                continue
            characters += sum(map(len, records))
            yield SeparatedWindow(
                input=number,
                number=windows,
                file=path,
                first_line=lines[0],
                # How far a packed file is read cannot be told.
                bytes_read=0
                if path.endswith(_PACKED)
                else min(size, characters),
                columns=columns,
                id_column=id_column,
                table=table,
                lines=lines,
                records=records,
                broken=reasons,
            )
            windows += 1
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(path, error) from error


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SeparatedWindow(Window):
    """Records, read as ids and texts.

    Args:
        table: Columns of the sides, and `"names"` if there is one; null in
            broken records.
        lines: Where each record begins.
        records: The text of each.
        broken: Row -> why it is no sound record.
    """

    table: pa.Table
    lines: Sequence[int]
    records: Sequence[str]
    broken: dict[int, str]

    def __len__(self):
        return len(self.lines)

    def line(self, row):
        return self.lines[row]

    def record(self, row):
        return self.records[row]

    def _parse(self, text_sides):
        columns = {
            side: side_column(self.table[side], side in text_sides)
            for side in self.columns
        }
        reasons = dict(self.broken)
        broken = np.any([broken for _, broken in columns.values()], axis=0)
        for row in np.flatnonzero(broken).tolist():
            if row not in reasons:
                values = {s: self.table[s][row].as_py() for s in self.columns}
                reasons[row] = self._reason(values, text_sides)
        return Records({s: c for s, (c, _) in columns.items()}, reasons)

    def _reason(self, values, text_sides):
        record = {self.columns[side]: value for side, value in values.items()}
        try:
            checked_sides(record, self.columns, text_sides)
        except BadRecord as error:
            return str(error)
        raise AssertionError(f"{record} was found broken and is sound")

    def _names(self):
        return self.table[_NAMES].to_pylist()


def _in_order(piece):
    """Sound and rejected records by line, with why some are rejected."""
    rejected = piece.rejected
    lines = np.array([*piece.numbers, *(r.number for r in rejected)], np.int64)
    order = np.argsort(lines, kind="stable").tolist()
    count = len(piece.numbers)
    places = pa.array([n if n < count else None for n in order], pa.int64())
    records = [
        piece.record(n) if n < count else rejected[n - count].record
        for n in order
    ]
    reasons = {
        row: "; ".join(
            f"{f.kind}: {f.what}" for f in rejected[n - count].faults
        )
        for row, n in enumerate(order)
        if n >= count
    }
    return piece.table.take(places), lines[order].tolist(), records, reasons
