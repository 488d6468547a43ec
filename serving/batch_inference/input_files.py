"""The inputs of a job: which files, and their windows."""

import glob
import os
from collections.abc import Iterator
from collections.abc import Sequence

from serving.batch_inference.json_lines_input import read_json_lines
from serving.batch_inference.parquet_input import read_parquet
from serving.batch_inference.window import Window

_READERS = {
    ".jsonl": read_json_lines,
    ".jsonl.gz": read_json_lines,
    ".jsonl.zst": read_json_lines,
    ".parquet": read_parquet,
}


def expand_inputs(patterns: Sequence[str]) -> tuple[str, ...]:
    """Returns the files that paths and globs name, those of a glob sorted.

    Raises:
        ValueError: If one names no file, a file is named twice, or its name
            has another ending than `.jsonl`, `.jsonl.gz`, `.jsonl.zst` or
            `.parquet`.
    """
    files = [file for pattern in patterns for file in _files(pattern)]
    seen = set()
    for file in files:
        _reader(file)
        if os.path.realpath(file) in seen:
            raise ValueError(f"{file}: is named twice among the inputs.")
        seen.add(os.path.realpath(file))
    return tuple(files)


def read_windows(
    files: Sequence[str], sides: Sequence[str], rows: int
) -> Iterator[Window]:
    """Yields the windows of all files, none of which spans two files.

    Args:
        files: Paths.
        sides: Names of the sides to read.
        rows: Rows of a window.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a Parquet file has not the sides' columns.
    """
    for number, file in enumerate(files):
        yield from _reader(file)(file, number, sides, rows)


def _reader(file):
    for ending, reader in _READERS.items():
        if file.endswith(ending):
            return reader
    raise ValueError(
        f"{file}: an input's name must end with {', '.join(_READERS)}."
    )


def _files(pattern):
    if os.path.isfile(pattern):
        return [pattern]
    if os.path.isdir(pattern):
        example = os.path.join(pattern, "*.jsonl")
        raise ValueError(f"{pattern}: is a folder. Name its files: {example}")
    files = [f for f in glob.glob(pattern, recursive=True) if os.path.isfile(f)]
    if not files:
        raise ValueError(f"{pattern}: no such file.")
    return sorted(files)
