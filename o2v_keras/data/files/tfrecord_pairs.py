"""TFRecord files of `tf.train.Example`s as pairs."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError
from o2v_keras.data.files.tf_example import example_faults
from o2v_keras.data.files.tf_example import parse_examples
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.file_system import check_packing
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source

_BATCH_ROWS = 1 << 16
_BUFFER_BYTES = 1 << 20
_RECORD_SHOWN = 200
# Length (8), its checksum (4) and the record's checksum (4):
# https://www.tensorflow.org/tutorials/load_data/tfrecord
_FRAME_BYTES = 16


def read_tfrecord(
    path: str,
    sides: Sequence[str],
    label: bool,
    batch_rows: int = _BATCH_ROWS,
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a TFRecord file, plain or `.gz`, of records as in `tf_example`.

    Args:
        path: str. The file, wherever `tf.io.gfile` reaches.
        sides: Names of the sides to read, of `"in0"` and `"in1"`.
        label: bool. Whether to read labels.
        batch_rows: int. Rows read at a time. Defaults to 65,536.

    Yields:
        Pairs and rejected rows, batch by batch.

    Raises:
        DataError: If the file cannot be read, is cut off or damaged; then by
            the row where this begins. A file that ends between two records
            is whole as far as can be told.
    """
    source, first = Source(path, "row"), 0
    for records in _batches(path, batch_rows):
        yield _split(records, source, first, sides, label)
        first += len(records)


def _batches(path, batch_rows):
    dataset, rows, size = _dataset(path), 0, 0
    try:
        for records in dataset.batch(batch_rows):
            yield records
            rows += len(records)
            lengths = tf.strings.length(records).numpy()
            size += int(lengths.sum(dtype=np.int64))
    except tf.errors.DataLossError as error:
        check_packing(path)
        rows = _sound_rows(dataset, rows)
        raise _damage(path, rows, _reason(error)) from None
    except (tf.errors.OpError, OSError) as error:
        raise UnreadableError(
            f"{path}: cannot be read: {_reason(error)}"
        ) from None
    # TensorFlow takes a header that is cut off for the end of the file.
    if _file_bytes(path, rows) != size + rows * _FRAME_BYTES:
        raise _damage(path, rows, "truncated")


def _dataset(path):
    # tf.data.TFRecordDataset would trace a function for every file.
    variant = tf.raw_ops.TFRecordDataset(
        filenames=path,
        compression_type="GZIP" if path.endswith(".gz") else "",
        buffer_size=_BUFFER_BYTES,
    )
    return tf.data.experimental.from_variant(
        variant, tf.TensorSpec([], tf.string)
    )


def _sound_rows(dataset, rows):
    """Counts the records before the first that cannot be read."""
    try:
        for _ in dataset.skip(rows):
            rows += 1
    except tf.errors.DataLossError:
        pass
    return rows


def _file_bytes(path, rows):
    """Bytes of a file, unpacked."""
    if not path.endswith(".gz"):
        return tf.io.gfile.stat(path).length
    size = 0
    try:
        with open_stream(path) as stream:
            while block := stream.read(_BUFFER_BYTES):
                size += len(block)
    except OSError as error:
        raise _damage(path, rows, str(error)) from None
    return size


def _damage(path, row, reason):
    if "runcated" in reason:
        trouble = "the file is cut off here"
    elif "inflate" in reason:
        trouble = "the file cannot be unpacked beyond this row"
    else:
        trouble = "the record is damaged: its checksum does not match"
    if row == 0:
        trouble += ", or this is no TFRecord file"
    return DataError(
        f"{Source(path, 'row').locate(row)}: {trouble}. The first row is row "
        "0. Copy the file again from where it is whole, or convert its "
        "source again."
    )


def _reason(error):
    """TensorFlow's sentence without the names of its operations."""
    reason = getattr(error, "message", str(error)).split("}} ")[-1]
    return reason.split(" [Op:")[0]


def _split(records, source, first, sides, label):
    """Returns the pairs of one batch of records, and those that are none."""
    numbers = first + np.arange(len(records))
    rejected = []
    try:
        origin = RowOrigin.of(source, numbers)
        table = parse_examples(records, sides, label, origin)
    except DataError:
        records = records.numpy()
        faults = [example_faults(record, sides, label) for record in records]
        for row in filter(faults.__getitem__, range(len(records))):
            text = repr(records[row][:_RECORD_SHOWN])
            rejected.append(RejectedRow(int(numbers[row]), text, faults[row]))
        sound = np.array([not found for found in faults])
        origin = RowOrigin.of(source, numbers[sound])
        table = parse_examples(records[sound], sides, label, origin)
    return table, RejectedRows.of(source, rejected)
