"""Reads data in memory: mappings of columns, data frames and tables."""

import dataclasses
import json
import reprlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import numpy as np
import pyarrow as pa

from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.provenance import Source
from o2v_keras.data.read.block import ARROW_TYPES
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.map_in_threads import map_in_threads
from o2v_keras.data.read.pairs import Encode
from o2v_keras.data.read.pairs import ReadPairs
from o2v_keras.data.read.pairs import fields_of
from o2v_keras.data.read.pairs import to_pairs
from o2v_keras.data.read.parquet import arrow_block
from o2v_keras.data.read.parquet import check_schema
from o2v_keras.data.read.parquet import plain_value
from o2v_keras.data.read.record import Column

_PIECE_ROWS = 1 << 13
_MEMORY = Source(None, "row")
Records = Callable[[Provenance], list[str]]


class ArrowStream(Protocol):
    """An object that exports its columns to Arrow, such as a data frame."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Returns the columns as a capsule."""


def is_in_memory(source: Any) -> bool:
    """Whether a source is a mapping of columns, a data frame or a table.

    Example:
    >>> is_in_memory({"in0": [1]}), is_in_memory(pa.table({"in0": [1]}))
    (True, True)
    >>> is_in_memory("train.jsonl"), is_in_memory(pa.chunked_array([[1]]))
    (False, False)
    """
    # A single column has `__arrow_c_stream__`, too.
    is_frame = hasattr(source, "__arrow_c_stream__") and (
        hasattr(source, "columns") or hasattr(source, "schema")
    )
    return isinstance(source, Mapping) or is_frame or _is_hugging_face(source)


def column_names(source: Any) -> list[str]:
    """Returns the column names of data in memory.

    Example:
    >>> column_names(pa.table({"in0": [1], "label": [0]}))
    ['in0', 'label']
    """
    if isinstance(source, Mapping):
        return list(source)
    if isinstance(source, pa.Table | pa.RecordBatch | pa.RecordBatchReader):
        return source.schema.names
    if _is_hugging_face(source):
        return source.column_names or []
    if hasattr(source, "columns"):
        return list(map(str, source.columns))
    return _arrow_table(source).column_names


def read_in_memory(
    source: Mapping[str, Any] | ArrowStream,
    sides: Sequence[str],
    label: bool,
    columns: PairColumns,
    texts: Mapping[str, Encode],
) -> tuple[ReadPairs, Records | None]:
    """Makes pairs of columns in memory.

    Args:
        source: A mapping (ids in any form that `Sequences.from_any` takes,
            texts as lists or arrays of strings), a data frame of pandas or
            polars, a table or stream of pyarrow or of anything else with
            `__arrow_c_stream__`, or a Hugging Face `Dataset`. The ids of a row
            are a list or one integer. The index of pandas is ignored; rows
            count from 0.
        sides: Names of the sides to read.
        label: Whether to read labels, and weights where there are some.
        columns: `PairColumns` of the source.
        texts: Side -> text encoder, for the sides that hold texts.

    Returns:
        `ReadPairs`, and a function from `Provenance` to the original records;
        `None` without texts, because the ids are the records.

    Raises:
        DataError: If a column is missing or of a type that does not fit. A
            missing value in a row of a frame or table is no error here: the
            row is rejected, as in Parquet.
        ValueError: If a column of a mapping holds something else than its
            side takes, by row.

    Example:
    >>> table = pa.table({"user": [7, 8], "film": [[1, 2], [3]]})
    >>> pairs, _ = read_in_memory(
    ...     table, ("in0", "in1"), False, PairColumns("user", "film"), {}
    ... )
    >>> pairs.table.in1[0]
    array([1, 2])
    """
    fields = fields_of(sides, label, columns, texts)
    positives = label and columns.label is None
    read = _read_mapping if isinstance(source, Mapping) else _read_table
    pairs, record = read(source, fields, texts, positives)
    if not texts:
        return pairs, None
    return pairs, lambda origin: [record(int(row)) for row in origin.numbers]


def blocks_in_memory(
    source: Mapping[str, Any] | ArrowStream, columns: Mapping[str, Column]
) -> Iterator[Block]:
    """Reads columns of data in memory as `read_blocks` does those of files.

    Args:
        source: As in `read_in_memory`.
        columns: Field of the block -> `Column`.

    Raises:
        DataError: If a column is missing or of a type that does not fit.

    Example:
    >>> blocks = blocks_in_memory({"n": [1, 2]}, {"x": Column("n", "number")})
    >>> [block.table.to_pylist() for block in blocks]
    [[{'x': 1.0}, {'x': 2.0}]]
    """
    if isinstance(source, Mapping):
        names = [c.name for c in columns.values() if c.default is None]
        _require(source, names)
        wanted = {column.name for column in columns.values()}
        source = {n: _array(n, source[n]) for n in source if n in wanted}
    table, first = _table(source, columns), 0
    columns = {
        field: column
        for field, column in columns.items()
        if column.name in table.column_names
    }
    for batch in table.to_batches(_PIECE_ROWS):
        yield arrow_block(batch, first, columns)
        first += len(batch)


def _array(name, values):
    """Makes an arrow array of a column of a mapping."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        return pa.array(values)
    except pa.ArrowException as error:
        raise DataError(
            f'column "{name}": {error}. Write all rows alike: all texts, all '
            "numbers, or all lists."
        ) from None


def table_in_memory(source: Mapping[str, Any] | ArrowStream) -> pa.Table:
    """Returns all columns of data in memory.

    Raises:
        DataError: If Arrow cannot hold a column.

    Example:
    >>> table_in_memory({"in0": [7], "seen": ["a"]}).column_names
    ['in0', 'seen']
    """
    try:
        return _arrow_table(source)
    except pa.ArrowException as error:
        raise DataError(f"{type(source).__name__}: {error}") from None


def texts_in_memory(source: Any, name: str) -> list[str | None]:
    """Returns a column of texts; `None` for a missing one of a table.

    Raises:
        DataError: If there is no such column, or it holds no texts.
        ValueError: If a row of a mapping holds no text, or the source is a
            stream, which can be read only once.

    Example:
    >>> texts_in_memory(pa.table({"plot": ["A dog.", None]}), "plot")
    ['A dog.', None]
    """
    if isinstance(source, Mapping):
        _require(source, [name])
        return to_texts(source[name], name).to_pylist()
    if isinstance(source, pa.RecordBatchReader):
        raise ValueError(
            "Texts are read twice, to learn their words and to make ids of "
            "them, and a RecordBatchReader only once. Give its `read_all()`."
        )
    column = {name: Column(name, "text")}
    return _table(source, column)[name].to_pylist()


def _is_hugging_face(source):
    return hasattr(source, "with_format") and hasattr(source, "column_names")


def _require(source, names):
    missing = [name for name in names if name not in source]
    if missing:
        raise DataError(
            f"In-memory data must have the columns {', '.join(names)}. "
            f"Missing: {', '.join(missing)}. There are: "
            f"{', '.join(map(str, source)):.500}"
        )


def _read_mapping(source, fields, texts, positives):
    fields = {
        field: column
        for field, column in fields.items()
        if column.name in source or column.default is None
    }
    names = {field: column.name for field, column in fields.items()}
    _require(source, list(names.values()))
    arrays = {field: source[name] for field, name in names.items()}
    problems = []
    for side in texts:
        column = to_texts(arrays[side], names[side])
        origin = Provenance.in_memory(len(column))
        arrays[side], found = texts[side](column, origin)
        problems += found
    table = PairTable.from_arrays(
        arrays.get("in0"),
        arrays.get("in1"),
        arrays.get("label"),
        arrays.get("weight"),
    )
    if positives:
        table = dataclasses.replace(table, labels=np.ones(len(table)))

    def record(row):
        # `[row]` of a pandas Series would look for a label of its index.
        values = {
            name: getattr(source[name], "iloc", source[name])[row]
            for name in names.values()
        }
        return json.dumps(values, ensure_ascii=False, default=_plain)

    return ReadPairs(table, RejectedRows.none(), tuple(problems)), record


def _plain(value):
    return np.asarray(value).tolist()


def _read_table(source, fields, texts, positives):
    table = _table(source, fields)
    fields = {f: c for f, c in fields.items() if c.name in table.column_names}

    def pairs(batch, first):
        block = arrow_block(batch, first, fields)
        return to_pairs(block, _MEMORY, fields, texts, positives)

    def pieces():
        first = 0
        empty = pa.RecordBatch.from_pylist([], table.schema)
        for batch in table.to_batches(_PIECE_ROWS) or [empty]:
            yield batch, first
            first += len(batch)

    def record(row):
        values = {n: table[n][row].as_py() for n in table.column_names}
        return json.dumps(values, ensure_ascii=False, default=plain_value)

    return ReadPairs.concat(map_in_threads(pairs, pieces())), record


def _table(source, fields):
    """Converts the wanted columns of a frame to types that readers take."""
    wanted = {column.name: column.kind for column in fields.values()}
    package = type(source).__module__.partition(".")[0]
    kind = f"{package} {type(source).__name__}"
    named = column_names(source)
    repeated = [name for name in wanted if named.count(name) > 1]
    if repeated:
        raise DataError(
            f'{kind}: several columns "{repeated[0]}". Name each column once.'
        )
    try:
        table = _arrow_table(source, [*wanted])
    except pa.ArrowException as error:
        raise DataError(
            f"{kind}: {_unlike_rows(source, [*wanted]) or error}"
        ) from None
    names = table.column_names
    # The check below reports a repeated name.
    if len(set(names)) == len(names):
        table = pa.table(
            {n: _common(table[n], wanted[n]) for n in wanted if n in names}
        )
    required = {
        field: column
        for field, column in fields.items()
        if column.name in names or column.default is None
    }
    check_schema(kind, table.schema, required, column_names(source))
    return table


def _arrow_table(source, names=None):
    """Makes a table; reads only the named columns if possible."""
    if _is_hugging_face(source):
        if names and source.column_names:
            kept = [name for name in names if name in source.column_names]
            source = source.select_columns(kept)
        parts = [*source.with_format("arrow").iter(batch_size=_PIECE_ROWS)]
        return pa.concat_tables(parts) if parts else pa.table({})
    is_arrow = isinstance(
        source, pa.Table | pa.RecordBatch | pa.RecordBatchReader
    )
    if names and not is_arrow and hasattr(source, "columns"):
        # Other columns of a frame may hold what Arrow cannot.
        source = source[[name for name in names if name in source.columns]]
    return pa.table(source)


def _common(column, kind):
    """Converts dictionaries, string views and floats for ids."""
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array(
            [
                _common(pa.chunked_array([chunk.dictionary]), kind)
                .combine_chunks()
                .take(chunk.indices)
                for chunk in column.chunks
            ],
            _common(pa.chunked_array([], column.type.value_type), kind).type,
        )
    if pa.types.is_null(column.type):
        # An empty pandas frame has no types.
        return pa.chunked_array([pa.nulls(len(column), ARROW_TYPES[kind])])
    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if kind == "ids" and pa.types.is_floating(column.type):
        # pandas makes floats of integers beside a missing value.
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            return column
    return column


def _unlike_rows(source, names):
    """Describes the first row whose type differs from earlier rows."""
    for name in names:
        if name not in getattr(source, "columns", ()):
            continue
        first = {}
        for row, value in enumerate(source[name]):
            for types in (str, int, (list, tuple, np.ndarray)):
                if isinstance(value, types):
                    first.setdefault(types, (row, value))
        if len(first) > 1:
            (row, value), (other, unlike), *_ = first.values()
            return (
                f'column "{name}" holds {reprlib.repr(value)} in row {row} '
                f"and {reprlib.repr(unlike)} in row {other}. Write all rows "
                "alike: all lists of integers, all integers, or all strings."
            )
    return None


def to_texts(data: Any, name: str) -> pa.Array:
    """Makes an arrow array of texts.

    Args:
        data: A list or 1-D NumPy array of strings, an arrow string array, or
            whatever NumPy makes such an array of.
        name: The argument as error messages call it.

    Raises:
        ValueError: If a row is no text. The message names `name` and the
            first such row.

    Example:
    >>> to_texts(np.array(["a dog", ""]), "in0").to_pylist()
    ['a dog', '']
    """
    if isinstance(data, pa.ChunkedArray):
        data = data.combine_chunks()
    if isinstance(data, pa.Array):
        texts = data.to_pylist()
    elif isinstance(data, list | tuple):
        texts = data
    else:
        array = np.asarray(data)
        if array.ndim != 1:
            raise _no_texts(name, f"{name} of shape {array.shape}")
        texts = array.tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise _no_texts(name, f"{name}[{row}]={reprlib.repr(text)}")
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        row = next(r for r, text in enumerate(texts) if not _is_whole(text))
        raise _no_texts(
            name, f"{name}[{row}]={reprlib.repr(texts[row])}, half a character"
        ) from None


def _is_whole(text):
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _no_texts(name, received):
    return ValueError(
        f"`{name}` must be texts, since the side has a tokenizer: a list or "
        f"1-D array of strings. Received: {received}"
    )
