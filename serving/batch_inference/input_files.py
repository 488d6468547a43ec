"""The inputs of a job: which files, and their windows."""

import dataclasses
import itertools
import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from o2v_keras.data.data_error import read_failure
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.file_system import check_packing
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.file_system import open_bytes
from o2v_keras.data.read.file_system import unpacked
from o2v_keras.data.read.files import check_file
from o2v_keras.data.read.files import is_json_lines
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.data.read.parquet import row_group_sizes
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column
from serving.batch_inference.window import NAMES
from serving.batch_inference.window import BlockWindow
from serving.batch_inference.window import LinesWindow
from serving.batch_inference.window import Window

_CHUNK_BYTES = 4 << 20


def expand_inputs(paths: Sequence[str]) -> tuple[str, ...]:
    """Returns the files that paths, globs and folders name.

    Raises:
        ValueError: If one names no file, a file is named twice, is not of
            this machine, or the reader does not know its name's ending.
    """
    for path in paths:
        if is_remote(path):
            raise ValueError(
                f"{path}: must be a file of this machine. Copy it here, or "
                "use `o2v beam`."
            )
    files = expand_paths(paths) if paths else []
    for file in files:
        check_file(file, {})
    return tuple(files)


def input_fields(
    columns: Mapping[str, str],
    id_column: str | None = None,
    text_sides: Collection[str] = (),
) -> dict[str, Column]:
    """Says what the columns of an input hold.

    Args:
        columns: Side to read -> its column, or field.
        id_column: The column that names the rows. Defaults to `None`.
        text_sides: Names of the sides that are texts. Defaults to none: all
            are ids.
    """
    fields = {
        side: Column(name, "text" if side in text_sides else "ids")
        for side, name in columns.items()
    }
    if id_column is not None:
        fields[NAMES] = Column(id_column, "json")
    return fields


def read_windows(
    files: Sequence[str], fields: Mapping[str, Column], rows: int
) -> Iterator[Window]:
    """Yields the windows of all files, none of which spans two files.

    Args:
        files: Paths.
        fields: What `input_fields` returns.
        rows: Rows of a window; of CSV and TSV about so many, at a hundred
            bytes each.

    Raises:
        ValueError: If a file cannot be read, lacks a column or is broken.
    """
    for number, file in enumerate(files):
        if is_json_lines(file):
            check_packing(file)
            yield from read_lines(file, number, fields, rows)
        else:
            yield from _read_blocks(file, number, fields, rows)


def read_lines(
    file: str,
    number: int,
    fields: Mapping[str, Column],
    rows: int,
    open_file: Callable[[str], Any] = open_bytes,
) -> Iterator[LinesWindow]:
    """Yields the windows of a file of JSON Lines, plain, `.gz` or `.zst`.

    Args:
        file: Path.
        number: The input's number.
        fields: What `input_fields` returns.
        rows: Lines of a window.
        open_file: Opens the file, as it is stored. Defaults to `open_bytes`.

    Raises:
        ValueError: If the file cannot be read or unpacked.
    """
    try:
        with open_file(file) as stored, unpacked(stored, file) as stream:
            lines = (
                line
                for text in whole_lines(stream, _CHUNK_BYTES)
                for line in text.removesuffix(b"\n").split(b"\n")
            )
            for window in itertools.count():
                found = list(itertools.islice(lines, rows))
                if not found:
                    return
                yield LinesWindow(
                    input=number,
                    number=window,
                    file=file,
                    bytes_read=stored.tell(),
                    fields=fields,
                    text=b"\n".join(found),
                    first_line=window * rows + 1,
                )
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(file, error) from error


def _read_blocks(file, number, fields, rows):
    # The reader counts lines from 1 and rows from 0.
    offset = int(file_source(file).unit == "row")
    size, read, windows = os.path.getsize(file), 0, itertools.count()
    bytes_of = _bytes_of(file, size)
    for block in read_blocks(file, fields, rows, may_be_empty=True):
        if not (len(block.numbers) or block.rejected):
            continue
        read += bytes_of(block)
        yield BlockWindow(
            input=number,
            number=next(windows),
            file=file,
            bytes_read=min(size, round(read)),
            fields=fields,
            block=dataclasses.replace(
                block,
                numbers=block.numbers + offset,
                rejected=tuple(
                    row._replace(number=row.number + offset)
                    for row in block.rejected
                ),
            ),
        )


def _bytes_of(file, size):
    """Returns what tells about how many bytes of a file a block is."""
    if file.endswith(".parquet"):
        row_bytes = size / max(1, sum(row_group_sizes(file)))
        return lambda block: (
            row_bytes * (len(block.numbers) + len(block.rejected))
        )
    if file.endswith((".csv", ".tsv")):
        return lambda block: sum(
            len(record) + 1
            for record in (
                *map(block.record, range(len(block.numbers))),
                *(row.record for row in block.rejected),
            )
        )
    # Of a packed file and of TFRecord that is not known.
    return lambda block: 0
