"""Files of pairs -> one table, with what could not be used beside it."""

import dataclasses
import types
from collections.abc import Container
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.column_files import COLUMN_ENDINGS
from o2v_keras.data.files.json_lines import read_json_lines
from o2v_keras.data.files.named_pairs import read_named_pairs
from o2v_keras.data.files.parquet_pairs import read_parquet
from o2v_keras.data.files.reading_progress import ReadingProgress
from o2v_keras.data.files.text_side import TextSide
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths


def _read_tfrecord(*arguments, **settings):
    # TensorFlow takes seconds to start, and no other format needs it.
    from o2v_keras.data.files.tfrecord_pairs import read_tfrecord

    return read_tfrecord(*arguments, **settings)


_PIECE_ROWS = 1 << 13
_PIECE_BYTES = 512 << 10
_COLUMNS = PairColumns()
_NO_TEXTS = types.MappingProxyType({})
_IDS_READERS = {
    ".parquet": read_parquet,
    ".tfrecord": _read_tfrecord,
    ".tfrecord.gz": _read_tfrecord,
} | {
    ending + compression: read_json_lines
    for ending in (".jsonl", ".json", ".ndjson")
    for compression in ("", ".gz", ".zst")
}
_ENDINGS = tuple(dict.fromkeys((*_IDS_READERS, *COLUMN_ENDINGS)))


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
    paths: Paths,
    sides: Sequence[str] = ("in0", "in1"),
    label: bool = True,
    *,
    columns: PairColumns = _COLUMNS,
    texts: Mapping[str, TextSide] = _NO_TEXTS,
    verbose: int = 1,
) -> ReadResult:
    """Reads files of pairs.

    The format follows from the ending: `.jsonl`, `.json` or `.ndjson`,
    `.csv` or `.tsv`, each also with `.gz` or `.zst`, `.parquet`, and
    `.tfrecord`, also with `.gz`. A JSON line looks like `{"in0": [6, 17],
    "in1": [16, 21, 13], "label": 1}`, SageMaker's format; Parquet has columns
    of these names, and so have CSV and TSV, with blanks, `,`, `;`
    or `|` between ids.
    TFRecord files hold `tf.train.Example`s with such features. Beside labels
    a number `weight` may say how much a record counts. Other fields are
    ignored.

    Args:
        paths: A path, glob or folder, or a list of them.
        sides: Names of the sides to read. Defaults to both.
        label: bool. Whether to read labels, and weights where there are
            some; without, both are ignored. Defaults to `True`.
        columns: `PairColumns` that the files have. Defaults to `in0`, `in1`,
            `label` and, if there is one, `weight`.
        texts: `TextSide` of each side that holds texts. Defaults to none.
        verbose: 0 or 1. Whether to show progress where texts are read.
            Defaults to `1`.

    Returns:
        A `ReadResult`. No row is dropped: each is in its `table` or in its
        `rejected`.

    Raises:
        DataError: If a path names no file, an ending is unknown, a file
            holds no record, or lacks a column.
        ValueError: If a column is named twice.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.jsonl")
    >>> _ = path.write_text('{"in0": [6, 17], "in1": [16], "label": 1}')
    >>> read_pairs(path).table.in0[0]
    array([ 6, 17])
    """
    texts = {name: texts[name] for name in sides if name in texts}
    files = expand_paths(paths)
    for file in files:
        check_format(file, sides, label, columns, texts)
    tables, rejected = [], []
    for file in files:
        what = f"{'tokenizing' if texts else 'reading'} {file}"
        pieces = _pieces(file, sides, label, columns, texts)
        parts = _counted(what, pieces, verbose)
        for part in _not_empty(file, parts, label and columns.label is None):
            tables.append(part[0])
            rejected.append(part[1])
    return ReadResult(PairTable.concat(tables), RejectedRows.concat(rejected))


def read_pieces(
    file: str,
    sides: Sequence[str],
    label: bool,
    *,
    columns: PairColumns = _COLUMNS,
    texts: Mapping[str, TextSide] = _NO_TEXTS,
    rows: int | None = None,
    **settings,
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a file in small pieces, for data that memory cannot hold.

    Args:
        file: str. One file, as `read_pairs` takes it.
        sides: Names of the sides to read.
        label: bool. Whether to read labels.
        columns: As in `read_pairs`.
        texts: As in `read_pairs`.
        rows: About how many rows a piece has. Defaults to `None`: some
            thousands.
        **settings: Further arguments of the format's reader, such as
            `row_group` for Parquet.

    Yields:
        Pairs and rejected rows, in the order of the file.

    Raises:
        DataError: As `read_pairs`.
    """
    check_format(file, sides, label, columns, texts)
    if _has_columns(file, sides, label, columns, texts):
        settings["rows"] = rows
    elif _IDS_READERS[_ending(file)] is read_json_lines:
        settings["chunk_bytes"] = rows * 100 if rows else _PIECE_BYTES
    else:
        settings["batch_rows"] = rows or _PIECE_ROWS
    pieces = _pieces(file, sides, label, columns, texts, **settings)
    yield from _not_empty(file, pieces, label and columns.label is None)


def _pieces(file, sides, label, columns, texts, **settings):
    if _has_columns(file, sides, label, columns, texts):
        return read_named_pairs(file, sides, label, columns, texts, **settings)
    return _IDS_READERS[_ending(file)](file, sides, label, **settings)


def _counted(what, pieces, verbose):
    with ReadingProgress(what, verbose) as progress:
        for piece in pieces:
            yield piece
            progress.add(len(piece[0]))


def _has_columns(file, sides, label, columns, texts):
    """Whether a file is read by columns, not by the readers of ids."""
    if _ending(file) not in _IDS_READERS or any(
        side in texts for side in sides
    ):
        return True
    fields = [*sides, *(["label", "weight"] if label else [])]
    return any(getattr(columns, name) != name for name in fields)


def check_format(
    file: str,
    sides: Sequence[str],
    label: bool,
    columns: PairColumns,
    texts: Container[str],
) -> None:
    """Checks what can be known before a file is opened.

    Args:
        file: The file.
        sides: As in `read_pairs`.
        label: As in `read_pairs`.
        columns: As in `read_pairs`.
        texts: Names of the sides that hold texts.

    Raises:
        DataError: If the ending is unknown, or the format cannot hold that.
    """
    if _ending(file) in (".tfrecord", ".tfrecord.gz"):
        for side in sides:
            if side in texts:
                raise DataError(
                    f"{file}: {side} has a tokenizer, and TFRecord files hold "
                    f"ids only. Leave `enc{side[-1]}_tokenizer` empty, or "
                    "give the texts as JSON Lines, CSV, TSV or Parquet."
                )
        if _has_columns(file, sides, label, columns, texts):
            raise DataError(
                f"{file}: TFRecord files have the columns in0, in1, label "
                f"and, if any, weight. Received: {columns}"
            )


def _not_empty(file, pieces, are_positives):
    rows = 0
    for table, rejected in pieces:
        if are_positives:
            table = dataclasses.replace(table, labels=np.ones(len(table)))
        yield table, rejected
        rows += len(table) + len(rejected)
    if not rows:
        raise DataError(f"{file}: holds no record.")


def _ending(file):
    for ending in _ENDINGS:
        if file.endswith(ending):
            return ending
    raise DataError(
        f"{file}: has an unknown ending. Known are {', '.join(_ENDINGS)}"
    )
