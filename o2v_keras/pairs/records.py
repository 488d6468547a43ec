"""Records of two sides: read, folded to one of each pair, numbered."""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.pairs.bags import Lists
from o2v_keras.pairs.log import Layout
from o2v_keras.pairs.log import LogReader
from o2v_keras.pairs.objects import Objects
from o2v_keras.pairs.objects import database
from o2v_keras.pairs.objects import insert
from o2v_keras.pairs.objects import number
from o2v_keras.pairs.result import Report

SIDES = ("user", "item")
_INSERTED_ROWS = 1 << 18
# Makes rows of a side each, with a column `user` and a column `item`, of what
# `LogReader` reads of a source.
Rows = Callable[[LogReader, Any], Iterable[pa.Table]]


class Reading(NamedTuple):
    """How logs are read.

    Args:
        layout: `Layout` of the files.
        skip_bad_rows: Whether bad rows are left out, or the largest share.
        verbose: 0 or 1. Whether to show progress; `None`: see `Progress`.
    """

    layout: Layout
    skip_bad_rows: bool | float = False
    verbose: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
    """One record of each user and item; arrays `(records,)`.

    Args:
        user: int64. Number of the user.
        item: int64. Number of the item.
        value: float64, that of the last row; or `None`.
        weight: float64. Sum of the rows' weights, each 1 without any.
        time: float64, that of the first row; or `None`.
        part: int8. `TRAIN`, `VALIDATION` or `TEST`.
    """

    user: np.ndarray
    item: np.ndarray
    value: np.ndarray | None
    weight: np.ndarray
    time: np.ndarray | None
    part: np.ndarray

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: np.ndarray) -> "Events":
        """Returns the given records, numbers or a bool mask."""
        fields: dict[str, Any] = {
            field.name: None if value is None else value[rows]
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }
        return Events(**fields)


def chosen_columns(
    named: Mapping[str, tuple[str | None, str]],
    lines: bool,
    line: str,
    required: Sequence[str] = ("item",),
) -> dict[str, tuple[str, str]]:
    """Returns the columns that are named.

    Args:
        named: Field -> (name of the column or `None`, kind).
        lines: Whether lines are read, in which no column is named.
        line: What a line is, for messages.
        required: Arguments that must name a column otherwise.

    Raises:
        ValueError: If a column is named beside `lines`, or a required one is
            not.
    """
    columns = {
        field: (name, kind)
        for field, (name, kind) in named.items()
        if name is not None
    }
    if lines and columns:
        names = ", ".join(name for name, _ in columns.values())
        raise ValueError(
            "`lines` must be left out where a column is named: a line is a "
            f"{line}. Received: {names}"
        )
    if not lines and not columns.keys() >= {*required}:
        raise ValueError(
            f"`{'` and `'.join(required)}` must name the column of each; or "
            f"set `lines`, if each line of a file is a {line}."
        )
    return columns


def rows_of_items(reader: LogReader, source: Any) -> Iterator[pa.Table]:
    """Yields a row of each item of a list; see `Rows`."""
    return (flat_rows(table, "item") for table in reader.read(source))


def rows_of_lines(reader: LogReader, source: Any) -> Iterator[pa.Table]:
    """Yields a row of each item of a line that begins with the user."""
    lines = reader.read_lines(source, "user", "item")
    return (flat_rows(table, "item") for table in lines)


def rows_of_lists(lines: bool) -> Rows:
    """Returns what makes rows of lists, each of a user of its own.

    Args:
        lines: Whether lists are lines of files, and not a column of lists.
    """

    def rows(reader, source):
        first = 1
        read = reader.read(source)
        if lines:
            read = reader.read_lines(source, None, "item")
        for table in read:
            numbers = pa.array(np.arange(first, first + len(table)))
            users = numbers.cast(pa.string())
            yield flat_rows(table.append_column("user", users), "item")
            first += len(table)

    return rows


def flat_rows(table: pa.Table, field: str) -> pa.Table:
    """Makes a row of each element of a column of lists."""
    lists = table[field].combine_chunks()
    rows = table.drop_columns(field).take(pc.list_parent_indices(lists))
    return rows.append_column(field, lists.flatten())


@contextlib.contextmanager
def open_log(
    sources: Mapping[int, Any],
    columns: Mapping[str, tuple[str, str]],
    rows: Rows,
    reading: Reading,
    report: Report,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, RejectedRows]]:
    """Yields a database with a table `log`, and the bad rows.

    Args:
        sources: Part -> log.
        columns: Field -> (name of the column, kind), see `LogReader`.
        rows: Makes rows of a log.
        reading: `Reading`.
        report: Counts what is read.

    Raises:
        DataError: If the data cannot be used, or hold no row.
    """
    rejected, bars, empty = [], 0, True
    with database() as connection:
        for part, source in sources.items():
            reader = LogReader(columns, *reading)
            for table in _large(rows(reader, source)):
                parts = pa.array(np.full(len(table), part, np.int8))
                insert(connection, "log", table.append_column("part", parts))
                empty &= not len(table)
            rejected.append(reader.finish())
            report.count("rows read", reader.rows)
            bars += reader.bars
            for what, count in reader.dropped.items():
                report.dropped(what, count)
        rejected = RejectedRows.concat(rejected)
        if empty:
            raise DataError(
                "The data must hold at least one sound row. "
                f"Received: {report.counts.get('rows read', 0)} rows, "
                f"{len(rejected)} of them bad"
            )
        if bars:
            report.count('names in which "|" became "/"', bars)
        report.dropped("bad rows", len(rejected))
        yield connection, rejected


def _large(tables):
    """Joins tables to larger ones, which the database takes faster."""
    waiting, rows = [], 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        if rows >= _INSERTED_ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def numbered(connection: duckdb.DuckDBPyConnection) -> dict[str, Objects]:
    """Numbers both sides of a log."""
    return {
        side: number(
            connection, f"{side}s", f'SELECT "{side}" AS object FROM log'
        )
        for side in SIDES
    }


def fold(
    connection: duckdb.DuckDBPyConnection, report: Report, names: Sequence[str]
) -> Events:
    """Folds the rows of a user and item to one record.

    Args:
        connection: Database with `log` and, by `numbered`, both sides.
        report: Counts repeated rows.
        names: What the two sides are called there.
    """
    present = {
        name
        for (name,) in connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = 'log'"
        ).fetchall()
    }
    last = "(time, log.rowid)" if "time" in present else "log.rowid"
    fields = {
        "part": "min(part)",
        "rows": "count(*)",
        "parts": "bit_count(bit_or(1 << part))",
        "value": f"arg_max(value, {last})",
        "time": "min(time)",
        # In order, so that every run rounds alike.
        "weight": "sum(weight ORDER BY log.rowid)",
    }
    for name in {"value", "time", "weight"} - present:
        del fields[name]
    chosen = ", ".join(f"{code} AS {name}" for name, code in fields.items())
    # Grouped by numbers: groups of names need several times the memory.
    table = connection.sql(
        f'SELECT users.number AS "user", items.number AS item, {chosen} '
        'FROM log JOIN users ON users.object = log."user" '
        "JOIN items ON items.object = log.item "
        "GROUP BY users.number, items.number "
        "ORDER BY users.number, items.number"
    ).to_arrow_table()
    arrays = {name: table[name].to_numpy() for name in table.column_names}
    repeated, parts = arrays.pop("rows"), arrays.pop("parts").astype(int)
    shared = (parts - 1).sum()
    user, item = names
    report.dropped(
        f"rows that repeat a {user} and {item}",
        repeated.sum() - len(repeated) - shared,
    )
    report.dropped("held-out pairs that are in another part", shared)
    return Events(
        arrays["user"].astype(np.int64),
        arrays["item"].astype(np.int64),
        arrays.get("value"),
        arrays.get("weight", repeated.astype(np.float64)),
        arrays.get("time"),
        arrays["part"],
    )


class Features:
    """The features of each object, texts such as `age=24`.

    Args:
        texts: All features.
        lists: `Lists` of each object's numbers of features.
    """

    def __init__(self, texts: pa.Array, lists: Lists):
        self.texts = texts
        self._lists = lists

    @classmethod
    def read(
        cls,
        connection: duckdb.DuckDBPyConnection,
        side: str,
        names: Sequence[str],
        count: int,
    ) -> "Features":
        """Reads what the rows of each object say.

        Args:
            connection: Database; the columns of `log` are `user_feature0`
                and so on.
            side: `"user"` or `"item"`.
            names: Names of the features.
            count: Number of objects.
        """
        queries = [
            f'SELECT "{side}" AS name, unnest({side}_feature{place}) AS value, '
            f"{place} AS place FROM log"
            for place in range(len(names))
        ]
        table = connection.sql(
            f"SELECT DISTINCT {side}s.number, place, value FROM "
            f"({' UNION ALL '.join(queries)}) f "
            f"JOIN {side}s ON {side}s.object = f.name "
            "ORDER BY number, place, value"
        ).to_arrow_table()
        starts = pa.array([f"{name}=" for name in names], pa.string())
        texts = pc.binary_join_element_wise(
            starts.take(table["place"].combine_chunks()),
            table["value"].combine_chunks().cast(pa.string()),
            "",
        ).dictionary_encode()
        owners = table["number"].to_numpy().astype(np.int64)
        members = texts.indices.to_numpy()
        lists = Lists(owners, members, count, np.arange(len(owners)))
        return cls(texts.dictionary, lists)

    def of(self, numbers: np.ndarray) -> tuple[pa.Array, np.ndarray]:
        """Returns lists of the features of objects, and their lengths."""
        everything = np.iinfo(np.int64).max
        none = np.full(len(numbers), -1)
        flat, lengths = self._lists.others(numbers, none, everything)
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        values = self.texts.take(pa.array(flat))
        return pa.ListArray.from_arrays(offsets, values), lengths

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """Returns how many features objects have."""
        return self._lists.sizes[numbers]
