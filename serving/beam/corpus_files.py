"""The files of a corpus, wherever Beam can read."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.files import is_json_lines
from o2v_keras.data.read.paths import is_meant
from o2v_keras.data.read.record import Column
from serving.batch_inference.input_files import expand_inputs
from serving.batch_inference.input_files import read_lines
from serving.batch_inference.window import LinesWindow

# Engines refuse elements that are larger than some limit: Flink, about 10 MB.
MOST_BYTES = 4 << 20


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
        if not is_json_lines(file):
            raise ValueError(
                f"{file}: must be JSON Lines, such as a.jsonl or a.jsonl.gz."
            )
    if len(set(files)) < len(files):
        raise ValueError("a file is named twice among the inputs.")
    return files


def read_windows(
    file: str, fields: Mapping[str, Column], rows: int
) -> Iterator[LinesWindow]:
    """Yields the windows of a file, wherever Beam can read.

    A window of long lines has fewer of them, so that it has no more than
    `MOST_BYTES`, unless one line has.

    Args:
        file: Path of JSON Lines.
        fields: What `input_fields` returns.
        rows: Lines of a window.

    Raises:
        ValueError: If the file cannot be read or unpacked.
    """
    for window in read_lines(file, 0, fields, rows, open_file=_open):
        yield from _small_windows(window)


def _small_windows(window):
    """Divides a window's lines."""
    if len(window.text) <= MOST_BYTES:
        yield window
        return
    first, lines, size = window.first_line, [], 0
    for line in [*window.text.split(b"\n"), None]:
        if lines and (line is None or size + len(line) > MOST_BYTES):
            text = b"\n".join(lines)
            yield dataclasses.replace(window, text=text, first_line=first)
            first, lines, size = first + len(lines), [], 0
        if line is not None:
            lines.append(line)
            size += len(line) + 1


def _matches(pattern):
    (found,) = FileSystems.match([pattern])
    files = sorted(metadata.path for metadata in found.metadata_list)
    files = [file for file in files if is_meant(file, pattern)]
    if not files:
        raise ValueError(f"{pattern}: no such file.")
    return files


def _open(path):
    # The reader unpacks, as it does for files of this machine.
    return FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    )
