"""Files of pairs -> one table, with what could not be used beside it."""

import dataclasses
from collections.abc import Sequence

from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_files import Paths
from o2v_keras.data.data_files import expand_paths
from o2v_keras.data.json_lines import read_json_lines
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.parquet_pairs import read_parquet
from o2v_keras.data.rejected_rows import RejectedRows


def _read_tfrecord(*arguments, **settings):
    # TensorFlow takes seconds to start, and no other format needs it.
    from o2v_keras.data.tfrecord_pairs import read_tfrecord

    return read_tfrecord(*arguments, **settings)


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
        rows = 0
        for part_table, part_rejected in read(file, sides, label):
            tables.append(part_table)
            rejected.append(part_rejected)
            rows += len(part_table) + len(part_rejected)
        if not rows:
            raise DataError(f"{file}: holds no record.")
    return ReadResult(PairTable.concat(tables), RejectedRows.concat(rejected))


def _reader(file):
    for ending, read in _READERS.items():
        if file.endswith(ending):
            return read
    raise DataError(
        f"{file}: has an unknown ending. Known are {', '.join(_READERS)}"
    )
