"""Divides ready pairs into training, validation and test."""

import functools
import hashlib
import io
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import read_failure
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.file_system import open_random
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import table_in_memory
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import LogReader
from o2v_keras.pairs.objects import check_seed
from o2v_keras.pairs.objects import seeded
from o2v_keras.pairs.result import Pairs
from o2v_keras.pairs.result import ParquetWriter
from o2v_keras.pairs.result import Report

_HEADER_BYTES = 1 << 16
SPLITS = ("random", "group", "within", "time", "within-time")
# Kinds that hold out pairs or groups, not rows.
DRAWS = ("random", "group")
_DROPPED = len(PARTS)


def split(
    source: Any,
    kind: str = "random",
    *,
    group: str | None = None,
    time: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    columns: PairColumns = DEFAULT_COLUMNS,
    seed: int = 0,
    verbose: int | None = None,
) -> Pairs:
    """Divides pairs; the same pair is never in two parts.

    Training keeps its pairs, and what is held out later drops them. Copies of
    a pair, in a group at one time, are together where the first of them is.

    Rows stay as they are, with all their columns, and in their order. `write`
    writes files in the format that they had. Bags are not made anew: those of
    held-out rows may hold what is a target in training, and the other way
    round. Where that matters, `interactions` makes pairs of the log and
    divides it at once.

    Args:
        source: Path, glob or folder of JSON Lines, CSV, TSV or Parquet files
            of one format, a list of them, or data in memory.
        kind: `"random"`: pairs; `"group"`: all rows of some groups;
            `"within"`: some rows of each group; `"time"`: the last rows;
            `"within-time"`: the last rows of each group. Defaults to
            `"random"`.
        group: Column of the groups, such as the users.
        time: Column of times: numbers, or dates and times.
        validation: Share below 1, or number: of pairs, groups or rows of each
            group. Defaults to 0.1.
        test: The same. Defaults to 0.1.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`.
        seed: Of the draw. Defaults to 0.
        verbose: 0 or 1. Whether to show progress. Defaults to `None`: see
            `Progress`.

    Returns:
        `Pairs`.

    Raises:
        ValueError: If an argument is out of range or missing.
        DataError: If data cannot be used; the message says which rows.

    Example:
    >>> pairs = {"in0": [1, 2, 3, 1], "in1": [5, 6, 7, 5]}
    >>> parts = split(pairs, test=1, validation=0)
    >>> len(parts.train) + len(parts.test)
    4
    """
    check_seed(seed)
    holdout = Holdout(kind, validation, test)
    holdout.check(SPLITS, time is not None)
    fields = key_fields(kind, columns, group, time)
    if is_in_memory(source):
        source = table_in_memory(source)
    else:
        source = expand_paths(source)
        check_one_format(source)
    reader, report = LogReader(fields, verbose=verbose), Report()
    read = [*map(key_hashes, reader.read(source))]
    reader.finish()
    keys = {f: np.concatenate([part[f] for part in read]) for f in fields}
    pair = pair_hashes(keys, seed)
    report.count("rows read", len(pair))
    order = sort_keys(kind, keys, seed)
    if kind in DRAWS:
        units, rows = np.unique(order[0], return_inverse=True)
        parts = holdout.of_rows(np.arange(len(units)))[rows]
    elif kind == "time":
        groups = np.zeros(len(pair), np.int64)
        parts = holdout.within(groups, *order[::-1], kept=0)
    else:
        _, groups = np.unique(keys["group"], return_inverse=True)
        parts = holdout.within(groups, *order[::-1])
    for part in range(len(PARTS)):
        # Training keeps its pairs; what is held out later drops them.
        own = parts == part
        again = own & np.isin(pair, pair[parts < part])
        report.dropped(
            f"{PARTS[part]} pairs that are in another part", again.sum()
        )
        parts[again] = _DROPPED
    if isinstance(source, pa.Table):
        return Pairs(functools.partial(_tables, source, parts), report)
    return _FilePairs(source, Column(columns.in0, "json"), parts, report)


def key_fields(
    kind: str,
    columns: PairColumns,
    group: str | None = None,
    time: str | None = None,
) -> dict[str, tuple[str, str]]:
    """Returns the columns that decide on rows, for `LogReader`.

    Args:
        kind: One of `SPLITS`.
        columns: `PairColumns`.
        group: Column of the groups. Defaults to `None`.
        time: Column of times. Defaults to `None`.

    Raises:
        ValueError: If the kind needs a column that is not named, or one is
            named that it does not need.
    """
    needs = {"group": kind in ("group", "within", "within-time")}
    needs["time"] = "time" in kind
    given = {"group": group, "time": time}
    for name, needed in needs.items():
        if needed != (given[name] is not None):
            rule = "name a column" if needed else "be left out"
            raise ValueError(
                f'`{name}` must {rule} with split="{kind}". '
                f"Received: {name}={given[name]!r}"
            )
    fields = {"in0": (columns.in0, "raw"), "in1": (columns.in1, "raw")}
    if group is not None:
        fields["group"] = (group, "name")
    if time is not None:
        fields["time"] = (time, "time")
    return fields


def sort_keys(
    kind: str, keys: Mapping[str, np.ndarray], seed: int
) -> tuple[np.ndarray, ...]:
    """Returns what decides on rows, each array `(rows,)`.

    The rows that are held out are the last by the first array, and those
    equal in it by the next. Of `DRAWS`, pairs or groups with one hash count as
    one.

    Args:
        kind: One of `SPLITS`.
        keys: What `key_hashes` returns.
        seed: Of the draw.
    """
    if kind == "group":
        return (seeded(seed, keys["group"]),)
    if kind == "random":
        # A pair and its mirror image, as `baskets` has them, stay together.
        sides = keys["in0"], keys["in1"]
        return (seeded(seed, np.minimum(*sides), np.maximum(*sides)),)
    pair = pair_hashes(keys, seed)
    return (keys["time"], pair) if "time" in kind else (pair,)


def pair_hashes(keys: Mapping[str, np.ndarray], seed: int) -> np.ndarray:
    """Returns the hashes of the pairs, uint64 `(rows,)`."""
    return seeded(seed, keys["in0"], keys["in1"])


def check_one_format(files: Sequence[str]) -> None:
    """Raises `DataError` if files cannot be divided together."""
    endings = {ending_of(file) for file in files}
    if len(endings) > 1:
        raise DataError(
            "Files to divide must be of one format. Received: "
            f"{', '.join(sorted(endings))}"
        )
    if "tfrecord" in endings:
        raise DataError(
            f"{files[0]}: TFRecord files cannot be divided. Divide the pairs "
            "before `o2v convert`."
        )


def ending_of(file: str) -> str:
    """Returns the ending of a file, without that of its packing."""
    name = file.removesuffix(".gz").removesuffix(".zst")
    return os.path.splitext(name)[1].removeprefix(".").lower()


def key_hashes(table: pa.Table) -> dict[str, np.ndarray]:
    """Returns field -> hashes of the rows, uint64, or their times."""
    return {
        name: table[name].to_numpy() if name == "time" else _hashes(table[name])
        for name in table.column_names
    }


def _hashes(texts):
    digests = (
        hashlib.blake2b(text.encode(), digest_size=8).digest()
        for text in texts.to_pylist()
    )
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _tables(table, parts, report):
    for part, name in enumerate(PARTS):
        yield name, table.filter(pa.array(parts == part))


class _FilePairs(Pairs):
    """Pairs of files, which are written in the format that they have."""

    def __init__(self, files, column, parts, report):
        self._ending = ending_of(files[0])
        read = functools.partial(records_of, column)
        if self._ending == "parquet":
            schema_of(files)
            read = batches_of
        super().__init__(
            functools.partial(_divided, read, files, parts), report
        )
        self._header = b""
        if self._ending in ("csv", "tsv"):
            self._header = header_of(files)

    def write(
        self, output: str | os.PathLike[str], format: str | None = None
    ) -> Report:
        if format not in (None, self._ending):
            raise ValueError(
                "`format` must be left out where files are divided, which "
                f"keep theirs, {self._ending}. Received: format={format!r}"
            )
        writer = functools.partial(_Lines, self._header)
        if self._ending == "parquet":
            writer = ParquetWriter
        return self._write(output, self._ending, writer)

    def _joined(self, tables):
        if self._ending == "parquet":
            return super()._joined(tables)
        lines = io.BytesIO()
        lines.write(self._header)
        for table in tables:
            lines.write(_text(table))
        size = max(lines.tell(), 1)
        lines.seek(0)
        if self._ending not in ("csv", "tsv"):
            options = pyarrow.json.ReadOptions(block_size=size)
            return pyarrow.json.read_json(lines, options)
        is_tsv = self._ending == "tsv"
        return pyarrow.csv.read_csv(
            lines,
            pyarrow.csv.ReadOptions(block_size=size),
            pyarrow.csv.ParseOptions(
                delimiter="\t" if is_tsv else ",",
                quote_char=False if is_tsv else '"',
                newlines_in_values=not is_tsv,
            ),
        )


def _divided(read, files, parts, report):
    first = 0
    for file in files:
        for table in read(file):
            own = parts[first : first + len(table)]
            first += len(table)
            yield from _tables(table, own, report)


def batches_of(file: str) -> Iterator[pa.Table]:
    """Yields the rows of a Parquet file."""
    with pyarrow.parquet.ParquetFile(open_random(file)) as opened:
        for batch in opened.iter_batches():
            yield pa.Table.from_batches([batch])


def schema_of(files: Sequence[str]) -> pa.Schema:
    """Returns the columns and types that all Parquet files have."""
    first = None
    for file in files:
        try:
            schema = pyarrow.parquet.read_schema(open_random(file))
        except (OSError, pa.ArrowInvalid) as error:
            raise read_failure(file, error) from error
        first = first or schema
        if schema != first:
            raise DataError(
                "Files to divide must have the same columns and types. "
                f"Received: {file} with others than {files[0]}"
            )
    return first


def records_of(column: Column, file: str) -> Iterator[pa.Table]:
    """Yields the records of a text file, as they are written."""
    for block in read_blocks(file, {"in0": column}):
        rows = range(len(block.table))
        yield pa.table({"record": pa.array(map(block.record, rows))})


def header_of(files: Sequence[str]) -> bytes:
    """Returns the line of names that all files begin with."""
    headers = set()
    for file in files:
        with open_stream(file) as stream:
            chunk = next(whole_lines(stream, _HEADER_BYTES), b"")
        lines = (line for line in chunk.splitlines() if line.strip())
        headers.add(next(lines, b"") + b"\n")
    if len(headers) > 1:
        raise DataError(
            "Files to divide must have the same columns. Received: "
            + "; ".join(sorted(header.decode().strip() for header in headers))
        )
    return headers.pop()


class _Lines:
    def __init__(self, header, path, schema):
        self._file = open(path, "wb")
        self._file.write(header)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, table):
        self._file.write(_text(table))


def _text(table):
    records = table["record"].to_pylist()
    return "".join(f"{record}\n" for record in records).encode()
