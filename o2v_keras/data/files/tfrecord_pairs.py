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
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source

_BATCH_ROWS = 1 << 16
_BUFFER_BYTES = 1 << 20
_RECORD_SHOWN = 200


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
        DataError: If the file cannot be read, is cut off or damaged.
    """
    source, first = Source(path, "row"), 0
    for records in _batches(path, batch_rows):
        yield _split(records, source, first, sides, label)
        first += len(records)


def _batches(path, batch_rows):
    read = 0
    try:
        # tf.data.TFRecordDataset would trace a function for every file.
        variant = tf.raw_ops.TFRecordDataset(
            filenames=path,
            compression_type="GZIP" if path.endswith(".gz") else "",
            buffer_size=_BUFFER_BYTES,
        )
        dataset = tf.data.experimental.from_variant(
            variant, tf.TensorSpec([], tf.string)
        )
        for records in dataset.batch(batch_rows):
            yield records
            read += len(records)
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", str(error)).split("}} ")[-1]
        raise UnreadableError(
            f"{path}: cannot be read beyond row {read}: {reason}"
        ) from None


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
