"""Columns of text in JSON Lines, CSV, TSV and Parquet files."""

from collections.abc import Iterator
from collections.abc import Sequence

from o2v_keras.data.read.files import check_file
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.files import read_sound_blocks
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column


def read_texts(paths: Paths, columns: Sequence[str]) -> Iterator[str | None]:
    r"""Reads the texts of some columns of files, row by row.

    Args:
        paths: A path or glob, or a list of them, of files as `read_blocks`
            takes them.
        columns: Names of the columns.

    Returns:
        The texts of each row, one a column. `None` where there is none.

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
        check_file(file, _columns(columns))


def read_text_file(
    path: str, columns: Sequence[str], skip_bad_rows: bool = False
) -> Iterator[str | None]:
    """Reads the texts of some columns of one file, as `read_texts` does.

    Args:
        path: The file.
        columns: Names of the columns.
        skip_bad_rows: Whether to pass over broken records. Defaults to
            `False`.

    Raises:
        DataError: If the file cannot be read, a record is broken, or no row
            has a text in one of the columns.
    """
    read = read_blocks if skip_bad_rows else read_sound_blocks
    for block in read(path, _columns(columns)):
        texts = [block.table[name].to_pylist() for name in columns]
        for row in zip(*texts, strict=True):
            yield from row


def _columns(names):
    return {name: Column(name, "text") for name in names}
