"""The one table of file formats, and the reader of all of them."""

import functools
from collections.abc import Iterator
from collections.abc import Mapping

import pyarrow as pa

from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import read_failure
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.json_lines import field_names
from o2v_keras.data.read.json_lines import read_json_lines
from o2v_keras.data.read.parquet import read_parquet
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import column_hint
from o2v_keras.data.read.separated import Separation
from o2v_keras.data.read.separated import read_separated


def _read_tfrecord(*arguments):
    # TensorFlow takes seconds to start, and no other format needs it.
    from o2v_keras.data.read.tfrecord import read_tfrecord

    return read_tfrecord(*arguments)


def _tfrecord_names(path):
    from o2v_keras.data.read.tfrecord import feature_names

    return feature_names(path)


_READERS = {
    ".parquet": read_parquet,
    ".tfrecord": _read_tfrecord,
    ".tfrecord.gz": _read_tfrecord,
} | {
    ending + packing: read
    for ending, read in {
        ".jsonl": read_json_lines,
        ".json": read_json_lines,
        ".ndjson": read_json_lines,
        ".csv": read_separated,
        ".tsv": read_separated,
    }.items()
    for packing in ("", ".gz", ".zst")
}
# Formats that say which columns they have in each record only, and what lists
# those of the first record.
_NAMES = {
    read_json_lines: field_names,
    _read_tfrecord: _tfrecord_names,
}


def read_blocks(
    path: str,
    columns: Mapping[str, Column],
    rows: int | None = None,
    row_group: int | None = None,
    may_be_empty: bool = False,
    separation: Separation | None = None,
) -> Iterator[Block]:
    r"""Reads columns of a file, some rows at a time.

    The format follows from the ending: `.jsonl`, `.json` or `.ndjson`, `.csv`
    or `.tsv`, each also with `.gz` or `.zst`; `.parquet`; and `.tfrecord`,
    also with `.gz`, which holds no texts.

    Args:
        path: The file.
        columns: Field of the block -> `Column`.
        rows: About how many rows a block has. Defaults to `None`: some
            thousands. JSON Lines, CSV and TSV are read by bytes, a hundred
            for a row.
        row_group: The only row group of a Parquet file to read. Defaults to
            `None`: all.
        may_be_empty: Whether a file without a record, and a column without
            a value, are read all the same. Defaults to `False`.
        separation: How a text file's columns are written, whatever its
            ending. Defaults to `None`: as the ending says.

    Yields:
        `Block`s, in the order of the file.

    Raises:
        DataError: If the ending is unknown, the file cannot be read or a
            column is missing. Unless `may_be_empty`: if it holds no record,
            or no record of JSON Lines or TFRecord has a value in a column.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.csv")
    >>> _ = path.write_text("plot,genre\nA dog.,7 8\n")
    >>> columns = {"in1": Column("genre", "ids")}
    >>> [block.table.to_pylist() for block in read_blocks(str(path), columns)]
    [[{'in1': [7, 8]}]]
    """
    if separation:
        read = functools.partial(read_separated, separation=separation)
    else:
        check_file(path, columns)
        read = _reader(path)
    if row_group is not None:
        read = functools.partial(read, row_group=row_group)
    missing = set()
    if read in _NAMES and not may_be_empty:
        missing = {f for f, c in columns.items() if c.default is None}
    any_row = False
    try:
        for block in read(path, columns, rows):
            any_row |= len(block.numbers) + len(block.rejected) > 0
            missing -= {
                field
                for field in missing
                if block.rejected
                or block.table[field].null_count < len(block.table)
            }
            yield block
        if any_row and missing:
            names = ", ".join(sorted(columns[field].name for field in missing))
            first = ", ".join(_NAMES[read](path))
            raise DataError(
                f"{path}: no row has a value in the column {names}. Columns "
                f"in its first line: {first:.500}{column_hint(missing)}"
            )
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(path, error) from error
    if not (any_row or may_be_empty):
        raise DataError(f"{path}: holds no record.")


def read_sound_blocks(
    path: str, columns: Mapping[str, Column]
) -> Iterator[Block]:
    """Reads columns of a file as `read_blocks` does, and stops at a fault.

    Raises:
        DataError: If the file cannot be read or lacks a column, or a record
            has a fault; the message names the place of the first.
    """
    for block in read_blocks(path, columns):
        if block.rejected:
            row = min(block.rejected, key=lambda row: row.number)
            fault, place = row.faults[0], file_source(path).locate(row.number)
            raise DataError(f"{place}: {fault}. {ADVICE[fault.kind]}")
        yield block


def check_file(path: str, columns: Mapping[str, Column]) -> None:
    """Checks what can be known before a file is opened.

    Raises:
        DataError: If its ending is unknown, or its format holds no texts.
    """
    if _reader(path) is _read_tfrecord:
        for field, column in columns.items():
            if column.kind in ("text", "json"):
                raise DataError(
                    f"{path}: TFRecord files hold ids only, and {field} is no "
                    "column of ids. Give texts as JSON Lines, CSV, TSV or "
                    "Parquet, or leave out what asks for them: tokenizers "
                    "such as `enc0_tokenizer`, and columns of names."
                )


def is_json_lines(path: str) -> bool:
    """Whether a file is JSON Lines, by its ending.

    Raises:
        DataError: If the ending is unknown.

    Example:
    >>> is_json_lines("a.jsonl.gz"), is_json_lines("a.csv")
    (True, False)
    """
    return _reader(path) is read_json_lines


def _reader(path):
    for ending, read in _READERS.items():
        if path.endswith(ending):
            return read
    raise DataError(
        f"{path}: has an unknown ending. Known are {', '.join(_READERS)}"
    )
