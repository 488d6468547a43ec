"""Columns of text in JSON Lines, CSV, TSV and Parquet files."""

from collections.abc import Iterator
from collections.abc import Sequence

from o2v_keras.data.read.files import check_file
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.files import read_sound_blocks
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column
from o2v_keras.progress import Progress


def read_texts(
    paths: Paths,
    columns: Sequence[str],
    skip_bad_rows: bool = False,
    verbose: int | None = None,
) -> Iterator[str | None]:
    r"""Reads the texts of some columns of files, row by row.

    Args:
        paths: A path, glob or folder, or a list of them, of files in a format
            of `read_blocks`.
        columns: Names of the columns.
        skip_bad_rows: Whether to skip broken records. Defaults to `False`.
        verbose: 0 or 1. Whether to show progress. Defaults to `None`: see
            `Progress`.

    Returns:
        The texts of each row, one for each column; `None` for a missing one.

    Raises:
        ValueError: If no column is named.
        DataError: If a path names no file or an ending is unknown; while
            reading, if a file cannot be read, a record is broken, or no row
            of a file has a text in one of the columns.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.csv")
    >>> _ = path.write_text("plot,genre\nA dog.,drama\n")
    >>> list(read_texts(path, ["genre"]))
    ['drama']
    """
    files = expand_paths(paths)
    check_text_files(files, columns)
    return _texts(files, columns, skip_bad_rows, verbose)


def check_text_files(files: Sequence[str], columns: Sequence[str]) -> None:
    """Checks files and columns before any file is opened.

    Raises:
        ValueError: If no column is named.
        DataError: If a file has an unknown ending.
    """
    if not columns:
        raise ValueError(
            "`columns` must name the columns of text. Received: columns=[]"
        )
    for file in files:
        check_file(file, _columns(columns))


def _texts(files, columns, skip_bad_rows, verbose):
    read = read_blocks if skip_bad_rows else read_sound_blocks
    for file in files:
        with Progress(f"reading words of {file}", verbose=verbose) as progress:
            for block in read(file, _columns(columns)):
                texts = [block.table[name].to_pylist() for name in columns]
                for row in zip(*texts, strict=True):
                    yield from row
                progress.add(len(block.table))


def _columns(names):
    return {name: Column(name, "text") for name in names}
