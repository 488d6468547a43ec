"""The inputs of a job: which files, and their windows."""

import functools
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from o2v_keras.data.read.paths import expand_paths
from serving.batch_inference.json_lines_input import read_json_lines
from serving.batch_inference.parquet_input import read_parquet
from serving.batch_inference.separated_input import read_separated
from serving.batch_inference.window import Window

_READERS = {".parquet": read_parquet} | {
    ending + compression: read
    for ending, read in {
        ".jsonl": read_json_lines,
        ".json": read_json_lines,
        ".ndjson": read_json_lines,
        ".csv": read_separated,
        ".tsv": read_separated,
    }.items()
    for compression in ("", ".gz", ".zst")
}


def expand_inputs(paths: Sequence[str]) -> tuple[str, ...]:
    """Returns the files that paths, globs and folders name.

    Raises:
        ValueError: If one names no file, a file is named twice, is not of
            this machine, or its name has another ending than `.jsonl`,
            `.json`, `.ndjson`, `.csv`, `.tsv`, each also with `.gz` or
            `.zst`, or `.parquet`.
    """
    for path in paths:
        if "://" in path:
            raise ValueError(
                f"{path}: must be a file of this machine. Copy it here, or "
                "use `o2v beam`."
            )
    files = expand_paths(paths) if paths else []
    for file in files:
        _reader(file)
    return tuple(files)


def read_windows(
    files: Sequence[str],
    columns: Mapping[str, str],
    rows: int,
    id_column: str | None = None,
    text_sides: Collection[str] = (),
) -> Iterator[Window]:
    """Yields the windows of all files, none of which spans two files.

    Args:
        files: Paths.
        columns: Side to read -> its column, or field.
        rows: Rows of a window; of CSV and TSV lines.
        id_column: The column that names the rows. Defaults to `None`.
        text_sides: Names of the sides that are texts, which CSV and TSV must
            be told to be read. Defaults to none: all are ids.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file lacks a column or is broken.
    """
    for number, file in enumerate(files):
        read = _reader(file)
        if read is read_separated:
            read = functools.partial(read, text_sides=text_sides)
        yield from read(file, number, columns, rows, id_column)


def _reader(file):
    for ending, reader in _READERS.items():
        if file.endswith(ending):
            return reader
    raise ValueError(
        f"{file}: an input's name must end with {', '.join(_READERS)}."
    )
