"""Files of pairs -> one table, with what could not be used beside it."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.data_files import Paths
from o2v_keras.data.files.data_files import expand_paths
from o2v_keras.data.files.json_lines import read_json_lines
from o2v_keras.data.files.parquet_pairs import read_parquet
from o2v_keras.data.pair_table import PairTable


def _read_tfrecord(*arguments, **settings):
    # TensorFlow takes seconds to start, and no other format needs it.
    from o2v_keras.data.files.tfrecord_pairs import read_tfrecord

    return read_tfrecord(*arguments, **settings)


_PIECE_ROWS = 1 << 13
_PIECE_BYTES = 512 << 10
_READERS = {
    ".parquet": read_parquet,
    ".tfrecord": _read_tfrecord,
    ".tfrecord.gz": _read_tfrecord,
} | {
    ending + compression: read_json_lines
    for ending in (".jsonl", ".json", ".ndjson")
    for compression in ("", ".gz", ".zst")
}


@dataclasses.dataclass(frozen=True, eq=False)
class ReadResult:
    """What was read.

    Args:
        table: `PairTable` with the rows whose structure is sound; their ids
            and labels are not checked yet.
        rejected: `RejectedRows` with all others.
    """

    table: PairTable
    rejected: RejectedRows


def read_pairs(
    paths: Paths, sides: Sequence[str] = ("in0", "in1"), label: bool = True
) -> ReadResult:
    """Reads JSON Lines, Parquet and TFRecord files.

    The format follows from the ending: `.jsonl`, `.json` or `.ndjson`, each
    also with `.gz` or `.zst`, `.parquet`, and `.tfrecord`, also with `.gz`.
    A JSON line looks like `{"in0": [6, 17], "in1": [16, 21, 13], "label":
    1}`, SageMaker's format; Parquet has columns of these names, and TFRecord
    files hold `tf.train.Example`s with such features. Other fields are
    ignored.

    Args:
        paths: A path, glob or folder, or a list of them.
        sides: Names of the sides to read. Defaults to both.
        label: bool. Whether to read labels; without, a `label` is ignored.
            Defaults to `True`.

    Returns:
        A `ReadResult`. No row is dropped: each is in its `table` or in its
        `rejected`.

    Raises:
        DataError: If a path names no file, an ending is unknown, a file
            holds no record, or a Parquet file has other columns.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.jsonl")
    >>> _ = path.write_text('{"in0": [6, 17], "in1": [16], "label": 1}')
    >>> read_pairs(path).table.in0[0]
    array([ 6, 17])
    """
    readers = [(file, _reader(file)) for file in expand_paths(paths)]
    tables, rejected = [], []
    for file, read in readers:
        for part in _not_empty(file, read(file, sides, label)):
            tables.append(part[0])
            rejected.append(part[1])
    return ReadResult(PairTable.concat(tables), RejectedRows.concat(rejected))


def read_pieces(
    file: str, sides: Sequence[str], label: bool, **settings
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a file in small pieces, for data that memory cannot hold.

    Args:
        file: str. One file, as `read_pairs` takes it.
        sides: Names of the sides to read.
        label: bool. Whether to read labels.
        **settings: Further arguments of the format's reader, such as
            `row_groups` for Parquet.

    Yields:
        Pairs and rejected rows, in the order of the file.

    Raises:
        DataError: As `read_pairs`.
    """
    size = {"batch_rows": _PIECE_ROWS}
    if _reader(file) is read_json_lines:
        size = {"chunk_bytes": _PIECE_BYTES}
    pieces = _reader(file)(file, sides, label, **size, **settings)
    yield from _not_empty(file, pieces)


def _not_empty(file, pieces):
    rows = 0
    for table, rejected in pieces:
        yield table, rejected
        rows += len(table) + len(rejected)
    if not rows:
        raise DataError(f"{file}: holds no record.")


def _reader(file):
    for ending, read in _READERS.items():
        if file.endswith(ending):
            return read
    raise DataError(
        f"{file}: has an unknown ending. Known are {', '.join(_READERS)}"
    )
