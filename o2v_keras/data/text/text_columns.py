"""Columns of text in JSON Lines, CSV, TSV and Parquet files."""

import json
from collections.abc import Iterator
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.data_files import Paths
from o2v_keras.data.files.data_files import expand_paths
from o2v_keras.data.files.json_lines import whole_lines
from o2v_keras.data.files.read_failure import read_failure
from o2v_keras.data.files.remote_files import open_random
from o2v_keras.data.files.remote_files import open_stream
from o2v_keras.data.files.text_lines import TextLines

_BATCH_ROWS = 1 << 14
_CHUNK_BYTES = 8 << 20
_COMPRESSIONS = ("", ".gz", ".zst")


def read_texts(paths: Paths, columns: Sequence[str]) -> Iterator[str | None]:
    r"""Reads the texts of some columns of files, row by row.

    The format follows from the ending: `.jsonl`, `.json`, `.ndjson`, `.csv`
    or `.tsv` (with a header), each also with `.gz` or `.zst`, and `.parquet`.

    Args:
        paths: A path or glob, or a list of them.
        columns: Names of the columns.

    Returns:
        The texts of each row, one a column. `None` where there is none.

    Raises:
        ValueError: If no column is named.
        DataError: If a path names no file or an ending is unknown; while
            reading, if a file cannot be read, or no row of it has a text in
            one of the columns.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.csv")
    >>> _ = path.write_text("plot,genre\nA dog.,drama\n")
    >>> list(read_texts(path, ["genre"]))
    ['drama']
    """
    files = expand_paths(paths)
    check_text_files(files, columns)
    return (text for file in files for text in read_text_file(file, columns))


def check_text_files(files: Sequence[str], columns: Sequence[str]) -> None:
    """Checks what is to be read, before anything is.

    Raises:
        ValueError: If no column is named.
        DataError: If a file has an unknown ending.
    """
    if not columns:
        raise ValueError(
            "`columns` must name the columns of text. Received: columns=[]"
        )
    for file in files:
        _reader(file)


def read_text_file(path: str, columns: Sequence[str]) -> Iterator[str | None]:
    """Reads the texts of some columns of one file, as `read_texts` does.

    Args:
        path: The file.
        columns: Names of the columns.

    Raises:
        DataError: If the file cannot be read, or no row has a text in one of
            the columns.
    """
    batches = _reader(path)
    missing, rows = set(columns), 0
    try:
        for table in batches(path, columns):
            rows += len(table)
            texts = [table[name].to_pylist() for name in columns]
            missing -= {
                name for name in missing if table[name].null_count < len(table)
            }
            for row in zip(*texts, strict=True):
                yield from row
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(path, error) from error
    if not rows:
        raise DataError(f"{path}: holds no row.")
    if missing:
        names = ", ".join(sorted(missing))
        trouble = f"{path}: no row has a text in the column {names}."
        if batches is _json_batches:
            trouble += f" Columns in its first line: {_first_fields(path)}"
        raise DataError(trouble)


def _reader(path):
    for ending, batches in _READERS.items():
        if path.endswith(ending):
            return batches
    raise DataError(
        f"{path}: has an unknown ending. Known are {', '.join(_READERS)}"
    )


def _json_batches(path, columns):
    schema = pa.schema([(name, pa.string()) for name in columns])
    options = pyarrow.json.ParseOptions(
        explicit_schema=schema, unexpected_field_behavior="ignore"
    )
    number = 1
    with open_stream(path) as stream:
        for text in whole_lines(stream, _CHUNK_BYTES):
            lines = TextLines.scan(text, number)
            number += text.count(b"\n")
            if len(lines):
                yield _parse(path, lines, columns, options)


def _parse(path, lines, columns, options):
    # Arrow would read two objects on one line, and crashes on a text that
    # begins with `null` (pyarrow 26).
    if not lines.braced.all():
        raise _json_error(path, lines, columns, "a line is not one object")
    read = pyarrow.json.ReadOptions(block_size=len(lines.span) + 1)
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(lines.span), read, options
        )
    except pa.ArrowInvalid as error:
        raise _json_error(path, lines, columns, error) from None
    if len(table) != len(lines):
        raise _json_error(path, lines, columns, "a line is not one object")
    return table


def _json_error(path, lines, columns, reason):
    """Finds the line that arrow refused."""
    for row, number in enumerate(lines.numbers):
        trouble = _line_trouble(lines.record(row), columns)
        if trouble:
            return DataError(f"{path}:{number}: {trouble}")
    return DataError(f"{path}: cannot be read: {reason}")


def _first_fields(path):
    with open_stream(path) as stream:
        for text in whole_lines(stream, _CHUNK_BYTES):
            lines = TextLines.scan(text, 1)
            if len(lines):
                return ", ".join(json.loads(lines.record(0)))
    return ""


def _line_trouble(line, columns):
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"must be one JSON object. Received: {error}"
    if not isinstance(content, dict):
        return f"must be one JSON object. Received: {content!r:.60}"
    for name in columns:
        if not isinstance(content.get(name), str | None):
            return f'"{name}" must be a text. Received: {content[name]!r:.60}'
    return None


def _csv_batches(path, columns, delimiter=","):
    parse = pyarrow.csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True
    )
    _require_columns(path, columns, _csv_header(path, parse))
    convert = pyarrow.csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.string()),
    )
    with (
        open_stream(path) as stream,
        pyarrow.csv.open_csv(
            stream, parse_options=parse, convert_options=convert
        ) as reader,
    ):
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _csv_header(path, parse):
    with (
        open_stream(path) as stream,
        pyarrow.csv.open_csv(stream, parse_options=parse) as reader,
    ):
        return reader.schema.names


def _require_columns(path, columns, present):
    for name in columns:
        if name not in present:
            raise DataError(
                f'{path}: no column "{name}". '
                f"Columns in the file: {', '.join(present)}"
            )


def _tsv_batches(path, columns):
    return _csv_batches(path, columns, delimiter="\t")


def _parquet_batches(path, columns):
    with pyarrow.parquet.ParquetFile(open_random(path)) as parquet:
        _require_columns(path, columns, parquet.schema_arrow.names)
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=columns):
            table = pa.Table.from_batches([batch])
            for name in columns:
                type_ = table[name].type
                if not _is_text(type_):
                    raise DataError(
                        f'{path}: column "{name}" is {type_}, must be text'
                    )
            yield table


def _is_text(type_):
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return pa.types.is_string(type_) or pa.types.is_large_string(type_)


_READERS = {".parquet": _parquet_batches} | {
    ending + compression: batches
    for ending, batches in {
        ".jsonl": _json_batches,
        ".json": _json_batches,
        ".ndjson": _json_batches,
        ".csv": _csv_batches,
        ".tsv": _tsv_batches,
    }.items()
    for compression in _COMPRESSIONS
}
