"""The files of a corpus, wherever Beam can read."""

from collections.abc import Iterator
from collections.abc import Sequence

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from o2v_keras.data.read.paths import is_meant
from serving.batch_inference.input_files import expand_inputs
from serving.batch_inference.json_lines_input import JsonLinesWindow
from serving.batch_inference.json_lines_input import read_json_lines

_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def is_remote(path: str) -> bool:
    """Whether a path names its file system, as `gs://bucket/a.jsonl` does."""
    return "://" in path


def corpus_files(patterns: Sequence[str]) -> tuple[str, ...]:
    """Returns the files that paths and globs name, those of a glob sorted.

    Raises:
        ValueError: If one names no file, a file is named twice, or is no
            JSON Lines.
    """
    files = []
    for pattern in patterns:
        files += _matches(pattern) if is_remote(pattern) else [pattern]
    local = [file for file in files if not is_remote(file)]
    remote = [file for file in files if is_remote(file)]
    files = (*expand_inputs(local), *remote)
    for file in files:
        if not file.endswith(_ENDINGS):
            raise ValueError(
                f"{file}: an input's name must end with {', '.join(_ENDINGS)}."
            )
    if len(set(files)) < len(files):
        raise ValueError("a file is named twice among the inputs.")
    return files


def read_windows(
    file: str, sides: Sequence[str], rows: int, id_field: str | None = None
) -> Iterator[JsonLinesWindow]:
    """Yields the windows of a file.

    Args:
        file: Path of JSON Lines.
        sides: Names of the sides to read.
        rows: Lines of a window.
        id_field: Field that names the rows. Defaults to `None`.

    Raises:
        OSError: If the file cannot be read or decompressed.
    """
    columns = {side: side for side in sides}
    return read_json_lines(file, 0, columns, rows, id_field, open_file=_open)


def _matches(pattern):
    (found,) = FileSystems.match([pattern])
    files = sorted(metadata.path for metadata in found.metadata_list)
    files = [file for file in files if is_meant(file, pattern)]
    if not files:
        raise ValueError(f"{pattern}: no such file.")
    return files


def _open(path):
    # Arrow decompresses, as it does for files of this machine.
    return pa.PythonFile(
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    )
