"""Files of pairs -> tables of ids, and beside them what cannot be used."""

import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.check.report import Problem
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.pair_table import to_weights
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.provenance import Source
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.files import check_file
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.map_in_threads import map_in_threads
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import WEIGHT
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import missing
from o2v_keras.data.sequences import Sequences
from o2v_keras.progress import Progress

# Makes ids of texts `(rows,)` that were read at an origin, and says what is to
# be said of the texts. Called from several threads at once.
Encode = Callable[[pa.Array, Provenance], tuple[Sequences, list[Problem]]]

_COLUMNS = PairColumns()
_NO_TEXTS = MappingProxyType({})


class ReadPairs(NamedTuple):
    """Pairs that were read.

    Args:
        table: `PairTable` with the rows whose structure is sound; their ids
            and labels are not checked yet.
        rejected: `RejectedRows` with all others.
        problems: `Problem`s that `encode` found in texts.
    """

    table: PairTable
    rejected: RejectedRows
    problems: tuple[Problem, ...] = ()

    @classmethod
    def concat(cls, parts: Iterable["ReadPairs"]) -> "ReadPairs":
        """Joins parts, at least one, in order."""
        tables, rejected, problems = zip(*parts, strict=True)
        return cls(
            PairTable.concat(tables),
            RejectedRows.concat(rejected),
            sum(problems, ()),
        )


def read_pairs(
    paths: Paths,
    sides: Sequence[str] = ("in0", "in1"),
    label: bool = True,
    *,
    columns: PairColumns = _COLUMNS,
    texts: Mapping[str, Encode] = _NO_TEXTS,
    verbose: int = 1,
) -> ReadPairs:
    """Reads files of pairs.

    The format follows from the ending, see `read_blocks`. A JSON line looks
    like `{"in0": [6, 17], "in1": [16, 21, 13], "label": 1}`, SageMaker's
    format; Parquet has columns of these names, and so have CSV and TSV, with
    blanks, `,`, `;` or `|` between ids. TFRecord files hold
    `tf.train.Example`s with such features. Beside labels a number `weight` may
    say how much a record counts. Other fields are ignored.

    Args:
        paths: A path, glob or folder, or a list of them.
        sides: Names of the sides to read. Defaults to both.
        label: bool. Whether to read labels, and weights where there are
            some; without, both are ignored. Defaults to `True`.
        columns: `PairColumns` that the files have. Defaults to `in0`, `in1`,
            `label` and, if there is one, `weight`.
        texts: For each side that holds texts, what makes ids of them.
            Defaults to none.
        verbose: 0 or 1. Whether to show progress. Defaults to `1`.

    Returns:
        `ReadPairs`. No row is dropped: each is in the `table` or among the
        `rejected`.

    Raises:
        DataError: If a path names no file, an ending is unknown, a file
            holds no record, or lacks a column.
        ValueError: If a column is named twice.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.jsonl")
    >>> _ = path.write_text('{"in0": [6, 17], "in1": [16], "label": 1}')
    >>> read_pairs(path).table.in0[0]
    array([ 6, 17])
    """
    files = expand_paths(paths)
    fields = fields_of(sides, label, columns, texts)
    for file in files:
        check_file(file, fields)
    what = "tokenizing" if any(side in texts for side in sides) else "reading"
    parts = []
    for file in files:
        pieces = read_pieces(file, sides, label, columns=columns, texts=texts)
        with Progress(f"{what} {file}", verbose=verbose) as progress:
            for piece in pieces:
                parts.append(piece)
                progress.add(len(piece.table))
    return ReadPairs.concat(parts)


def read_pieces(
    file: str,
    sides: Sequence[str],
    label: bool,
    *,
    columns: PairColumns = _COLUMNS,
    texts: Mapping[str, Encode] = _NO_TEXTS,
    rows: int | None = None,
    row_group: int | None = None,
) -> Iterator[ReadPairs]:
    """Reads a file in small pieces, for data that memory cannot hold.

    Args:
        file: str. One file.
        sides: Names of the sides to read.
        label: bool. Whether to read labels, and weights where there are some.
        columns: `PairColumns` that the file has. Defaults to `in0`, `in1`,
            `label` and, if there is one, `weight`.
        texts: For each side that holds texts, what makes ids of them.
            Defaults to none.
        rows: About how many rows a piece has. Defaults to `None`: some
            thousands.
        row_group: The only row group of a Parquet file to read. Defaults to
            `None`: all.

    Yields:
        `ReadPairs`, in the order of the file.

    Raises:
        DataError: If the ending is unknown, the file holds no record, or
            lacks a column.
        ValueError: If a column is named twice.
    """
    source = file_source(file)
    fields = fields_of(sides, label, columns, texts)
    positives = label and columns.label is None

    def pairs(block):
        return to_pairs(block, source, fields, texts, positives)

    blocks = read_blocks(file, fields, rows, row_group)
    yield from map_in_threads(pairs, ((block,) for block in blocks))


def fields_of(
    sides: Sequence[str],
    label: bool,
    columns: PairColumns,
    texts: Sequence[str] | Mapping[str, Encode],
) -> dict[str, Column]:
    """Says what the columns of pairs hold, for `read_blocks`.

    Raises:
        ValueError: If a column is named twice.
    """
    fields = {
        side: Column(getattr(columns, side), "text" if side in texts else "ids")
        for side in sides
    }
    if label and columns.label:
        fields["label"] = Column(columns.label, "number")
    if label and columns.weight is not None and columns.has_weight:
        optional = columns.weight_is_optional
        column = Column(columns.weight, "number")
        fields["weight"] = WEIGHT if optional else column
    if len({column.name for column in fields.values()}) < len(fields):
        raise ValueError(
            f"`columns` must name different columns. Received: {columns}"
        )
    return fields


def original_records(
    origin: Provenance, fields: Mapping[str, Column]
) -> list[str]:
    """Reads the records of some rows of files again, as they are written.

    Raises:
        DataError: If a file is no longer what it was.
    """
    places = {}
    for row in range(len(origin)):
        numbers = places.setdefault(origin.source(row), {})
        numbers.setdefault(int(origin.numbers[row]), []).append(row)
    records: list[Any] = [None] * len(origin)
    for source, numbers in places.items():
        for block in read_blocks(source.path, fields):
            for place in np.flatnonzero(
                np.isin(block.numbers, [*numbers])
            ).tolist():
                for row in numbers[int(block.numbers[place])]:
                    records[row] = block.record(place)
    if None in records:
        place = origin.locate(records.index(None))
        raise DataError(f"{place}: was changed while it was read.")
    return records


def to_pairs(
    block: Block,
    source: Source,
    fields: Mapping[str, Column],
    texts: Mapping[str, Encode],
    positives: bool,
) -> ReadPairs:
    """Makes pairs of a block.

    Args:
        block: The rows.
        source: Where they come from.
        fields: Field of the block -> `Column`.
        texts: For each side that holds texts, what makes ids of them.
        positives: Whether all rows are positives, labelled 1.
    """
    table, numbers, rejected = block.table, block.numbers, list(block.rejected)
    if any(column.null_count for column in table.columns):
        present = functools.reduce(pc.and_, map(pc.is_valid, table.columns))
        present = np.array(present)
        for row in np.flatnonzero(~present).tolist():
            faults = tuple(
                missing(field, fields[field])
                for field in table.column_names
                if not table[field][row].is_valid
            )
            number, record = int(numbers[row]), block.record(row)
            rejected.append(RejectedRow(number, record, faults))
        table, numbers = table.filter(pa.array(present)), numbers[present]
    origin = Provenance.of(source, numbers)
    sides: dict[str, Any] = {"in0": None, "in1": None}
    problems = []
    for side in [name for name in sides if name in fields]:
        column = table[side].combine_chunks()
        if side in texts:
            sides[side], found = texts[side](column, origin)
            problems += found
        else:
            sides[side] = _sequences(column)
    labels = np.ones(len(table)) if positives else None
    if "label" in fields:
        labels = table["label"].to_numpy()
    weights = None
    if "weight" in table.column_names:
        weights = to_weights(table["weight"].to_numpy())
    return ReadPairs(
        PairTable(**sides, labels=labels, origin=origin, weights=weights),
        RejectedRows.of(source, rejected),
        tuple(problems),
    )


def _sequences(lists):
    """Makes sequences of an arrow array of lists without nulls."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return Sequences(lists.flatten().to_numpy(), offsets - offsets[0])
