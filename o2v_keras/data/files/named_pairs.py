"""Pairs in named columns, of ids or of texts."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from o2v_keras.data.checking.check_report import Problem
from o2v_keras.data.checking.record_faults import WEIGHT
from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.column_files import read_columns
from o2v_keras.data.files.column_piece import ColumnPiece
from o2v_keras.data.files.map_in_threads import map_in_threads
from o2v_keras.data.files.text_side import TextSide
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.pair_table import to_weights
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source
from o2v_keras.data.row_origin import file_source
from o2v_keras.data.sequences import Sequences


def read_named_pairs(
    path: str,
    sides: Sequence[str],
    label: bool,
    columns: PairColumns,
    texts: Mapping[str, TextSide],
    **settings,
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a file of named columns.

    Args:
        path: The file.
        sides: Names of the sides to read, of `"in0"` and `"in1"`.
        label: Whether to read labels, and weights where there are some.
        columns: Which columns they are in.
        texts: What makes ids of the sides that hold texts, by name.
        **settings: Of `read_columns`.

    Yields:
        Pairs and rejected rows, piece by piece.

    Raises:
        DataError: As `read_columns`.
        ValueError: If a column is named twice.
    """
    fields = fields_of(sides, label, columns, texts)
    source = file_source(path)

    def pairs(piece):
        return to_pairs(piece, source, fields, texts)

    pieces = ((piece,) for piece in read_columns(path, fields, **settings))
    for table, rejected, problems in map_in_threads(pairs, pieces):
        for name, found in problems.items():
            texts[name].problems += found
        yield table, rejected


def fields_of(
    sides: Sequence[str],
    label: bool,
    columns: PairColumns,
    texts: Sequence[str] | Mapping[str, TextSide],
) -> dict[str, Column]:
    """Says what the columns of pairs hold, for `read_columns`.

    Raises:
        ValueError: If a column is named twice.
    """
    fields = {
        name: Column(getattr(columns, name), kind)
        for name, kind in (
            *((s, "text" if s in texts else "id or ids") for s in sides),
            *([("label", "number")] if label and columns.label else []),
        )
    }
    if label and columns.has_weight:
        optional = columns.weight_is_optional
        column = Column(columns.weight, "number")
        fields["weight"] = WEIGHT if optional else column
    if len({column.name for column in fields.values()}) < len(fields):
        raise ValueError(
            f"`columns` must name different columns. Received: {columns}"
        )
    return fields


def original_records(
    origin: RowOrigin, fields: Mapping[str, Column]
) -> list[str]:
    """Reads the records of some rows of files again, as they are written.

    Raises:
        DataError: If a file is no longer what it was.
    """
    places = {}
    for row in range(len(origin)):
        numbers = places.setdefault(origin.source(row), {})
        numbers.setdefault(int(origin.numbers[row]), []).append(row)
    records = [None] * len(origin)
    for source, numbers in places.items():
        for piece in read_columns(source.path, fields):
            for place in np.flatnonzero(np.isin(piece.numbers, [*numbers])):
                for row in numbers[int(piece.numbers[place])]:
                    records[row] = piece.record(place)
    if None in records:
        place = origin.locate(records.index(None))
        raise DataError(f"{place}: was changed while it was read.")
    return records


def to_pairs(
    piece: ColumnPiece,
    source: Source,
    fields: Mapping[str, Column],
    texts: Mapping[str, TextSide],
) -> tuple[PairTable, RejectedRows, dict[str, list[Problem]]]:
    """Makes pairs of some rows.

    Args:
        piece: The rows.
        source: Where they come from.
        fields: Of the piece's columns.
        texts: What makes ids of the sides that hold texts, by name.

    Returns:
        Pairs, rejected rows, and the problems that were found in texts.
    """
    present = np.ones(len(piece.numbers), bool)
    for column in piece.table.columns:
        present &= np.array(column.is_valid()).astype(bool)
    rejected = list(piece.rejected)
    for row in np.flatnonzero(~present):
        faults = tuple(
            Fault(field, "missing", f'no "{fields[field].name}"')
            for field in piece.table.column_names
            if not piece.table[field][row].is_valid
        )
        number, record = int(piece.numbers[row]), piece.record(row)
        rejected.append(RejectedRow(number, record, faults))
    table = piece.table.filter(pa.array(present))
    origin = RowOrigin.of(source, piece.numbers[present])
    parts, problems = {}, {}
    for name in fields.keys() & {"in0", "in1"}:
        column = table[name].combine_chunks()
        if name in texts:
            parts[name], problems[name] = texts[name].encode(column, origin)
        else:
            parts[name] = Sequences.from_any(column, name)
    labels = table["label"].to_numpy() if "label" in fields else None
    weights = None
    if "weight" in table.column_names:
        weights = to_weights(table["weight"].to_numpy())
    pairs = PairTable(
        parts.get("in0"), parts.get("in1"), labels, origin, weights
    )
    return pairs, RejectedRows.of(source, rejected), problems
