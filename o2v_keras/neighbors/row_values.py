"""One column of the files that a model reads: names, groups, exclusions."""

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.data_files import Paths
from o2v_keras.data.files.data_files import expand_paths
from o2v_keras.data.files.remote_files import open_random
from o2v_keras.data.files.remote_files import open_stream


def read_names(paths: Paths, column: str) -> list[str] | list[int]:
    r"""Reads what names the rows.

    Args:
        paths: A path, glob or folder, or a list of them: `.jsonl`, `.json`,
            `.ndjson`, `.csv` or `.tsv` (with a header), each also with `.gz`
            or `.zst`, and `.parquet`.
        column: Name of the column, or field.

    Returns:
        A text for each row, or an integer for each; texts where both occur.

    Raises:
        DataError: If a file has no such column, or a row has neither a text
            nor an integer there; with file and row.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.jsonl")
    >>> _ = path.write_text('{"id": 7, "in1": [3]}\n{"id": 9, "in1": [4]}\n')
    >>> read_names(path, "id")
    [7, 9]
    """
    names = _read(paths, column, _is_name, "a text or an integer")
    if any(isinstance(name, str) for name in names):
        return [str(name) for name in names]
    return names


def read_id_lists(paths: Paths, column: str) -> list[list]:
    """Reads lists of ids, such as what each user has seen.

    Args:
        paths: As in `read_names`.
        column: Name of the column, or field. A row holds a list of texts or
            of integers, a single one, or nothing.

    Raises:
        DataError: If a file has no such column, or a row something else.
    """
    values = _read(paths, column, _is_id_list, "a list of ids, or an id")
    return [
        value if isinstance(value, list) else [] if value is None else [value]
        for value in values
    ]


def _is_name(value):
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_id_list(value):
    values = value if isinstance(value, list) else [value]
    return value is None or all(map(_is_name, values))


def _read(
    paths: Paths, column: str, usable: Callable[[Any], bool], rule: str
) -> list:
    values = []
    for path in expand_paths(paths):
        found = _reader(path)(path, column)
        for row, value in enumerate(found):
            if not usable(value):
                raise DataError(
                    f'{path}: row {row + 1}: "{column}" must be {rule}. '
                    f"Received: {value!r:.60}"
                )
        values += found
    return values


def _reader(path):
    for ending, read in _READERS.items():
        if path.endswith(ending):
            return read
    raise DataError(
        f"{path}: names can be read of {', '.join(_READERS)} only. Leave the "
        "column out to go by the numbers of the rows."
    )


def _json_values(path, column):
    values, found = [], False
    with io.TextIOWrapper(open_stream(path), encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: {error}") from None
            if not isinstance(record, dict):
                raise DataError(f"{path}:{number}: must be one JSON object")
            found |= column in record
            values.append(record.get(column))
    if not found:
        raise DataError(f'{path}: no row has the field "{column}"')
    return values


def _separated_values(path, column):
    # As where pairs are read: in TSV a quote is a character like any other.
    is_tsv = path.endswith((".tsv", ".tsv.gz", ".tsv.zst"))
    options = pa.csv.ParseOptions(
        delimiter="\t" if is_tsv else ",",
        quote_char=False if is_tsv else '"',
        newlines_in_values=not is_tsv,
    )
    as_text = pa.csv.ConvertOptions(column_types={column: pa.string()})
    with open_stream(path) as stream:
        table = pa.csv.read_csv(
            stream, parse_options=options, convert_options=as_text
        )
    return _column(path, table, column)


def _parquet_values(path, column):
    names = pa.parquet.read_schema(open_random(path)).names
    wanted = [column] if column in names else []
    table = pa.parquet.read_table(open_random(path), columns=wanted)
    return _column(path, table, column, names)


def _column(path, table, column, names=None):
    if column not in table.column_names:
        present = ", ".join(names or table.column_names)
        raise DataError(
            f'{path}: no column "{column}". Columns in the file: {present}'
        )
    return table[column].to_pylist()


_READERS = {
    ending + compression: read
    for ending, read in {
        ".jsonl": _json_values,
        ".json": _json_values,
        ".ndjson": _json_values,
        ".csv": _separated_values,
        ".tsv": _separated_values,
    }.items()
    for compression in ("", ".gz", ".zst")
} | {".parquet": _parquet_values}
