"""Columns of JSON Lines, CSV, TSV and Parquet files."""

from collections.abc import Iterator
from collections.abc import Mapping

import pyarrow as pa

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.column_piece import ColumnPiece
from o2v_keras.data.files.json_columns import field_names
from o2v_keras.data.files.json_columns import read_json_columns
from o2v_keras.data.files.parquet_columns import read_parquet_columns
from o2v_keras.data.files.read_failure import read_failure
from o2v_keras.data.files.separated_columns import read_separated_columns

_READERS = {".parquet": read_parquet_columns} | {
    ending + compression: read
    for ending, read in {
        ".jsonl": read_json_columns,
        ".json": read_json_columns,
        ".ndjson": read_json_columns,
        ".csv": read_separated_columns,
        ".tsv": read_separated_columns,
    }.items()
    for compression in ("", ".gz", ".zst")
}

COLUMN_ENDINGS = tuple(_READERS)


def read_columns(
    path: str,
    columns: Mapping[str, Column],
    rows: int | None = None,
    row_group: int | None = None,
) -> Iterator[ColumnPiece]:
    r"""Reads columns of a file, some rows at a time.

    The format follows from the ending: `.jsonl`, `.json`, `.ndjson`, `.csv`
    or `.tsv`, each also with `.gz` or `.zst`, and `.parquet`.

    Args:
        path: The file.
        columns: Name in the piece -> `Column`.
        rows: Rows of a piece. Defaults to `None`: some thousands. JSON Lines
            are read by bytes, a hundred for a row.
        row_group: The only row group of a Parquet file to read. Defaults to
            `None`.

    Yields:
        `ColumnPiece`s; one may lack columns that have a default.

    Raises:
        DataError: If the ending is unknown, the file cannot be read, a
            column is missing or no row is there.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.csv")
    >>> _ = path.write_text("plot,genre\nA dog.,7 8\n")
    >>> columns = {"in1": Column("genre", "id or ids")}
    >>> [piece.table.to_pylist() for piece in read_columns(str(path), columns)]
    [[{'in1': [7, 8]}]]
    """
    read, settings = _reader(path), {}
    if row_group is not None:
        settings["row_group"] = row_group
    if rows is not None and read is read_json_columns:
        settings["chunk_bytes"] = 100 * rows
    elif rows is not None:
        settings["batch_rows"] = rows
    # A JSON Lines file has no list of its columns.
    missing = set()
    if read is read_json_columns:
        missing = {n for n, c in columns.items() if c.default is None}
    any_row = False
    try:
        for piece in read(path, columns, **settings):
            any_row |= len(piece.numbers) + len(piece.rejected) > 0
            missing -= {
                field
                for field in missing
                if piece.rejected
                or piece.table[field].null_count < len(piece.table)
            }
            yield piece
        if any_row and missing:
            names = ", ".join(sorted(columns[field].name for field in missing))
            raise DataError(
                f"{path}: no row has a value in the column {names}. Columns "
                f"in its first line: {', '.join(field_names(path)):.500}"
            )
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(path, error) from error
    if not any_row:
        raise DataError(f"{path}: holds no row.")


def check_ending(path: str) -> None:
    """Raises `DataError` if a file's ending is that of no such format."""
    _reader(path)


def _reader(path):
    for ending, read in _READERS.items():
        if path.endswith(ending):
            return read
    raise DataError(
        f"{path}: has an unknown ending. Known are {', '.join(_READERS)}"
    )
