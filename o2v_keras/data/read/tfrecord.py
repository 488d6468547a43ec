"""Features of TFRecord files of `tf.train.Example`s."""

import reprlib
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.message import DecodeError

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.file_system import check_packing
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault

_BLOCK_ROWS = 1 << 13
_BUFFER_BYTES = 1 << 20
_RECORD_SHOWN = 200
_NO_EXAMPLE = "no such Example"
# Length (8), its checksum (4) and the record's checksum (4):
# https://www.tensorflow.org/tutorials/load_data/tfrecord
_FRAME_BYTES = 16


def read_tfrecord(
    path: str, columns: Mapping[str, Column], rows: int | None = None
) -> Iterator[Block]:
    """Reads features of a TFRecord file of `tf.train.Example`s.

    Ids are int64 lists, and numbers float lists of one number.

    Args:
        path: str. The file, plain or `.gz`, wherever `tf.io.gfile` reaches.
        columns: Field of the block -> `Column` of ids or numbers.
        rows: Rows of a block. Defaults to `None`: 8,192.

    Yields:
        `Block`s, numbered by row from 0.

    Raises:
        DataError: If the file cannot be read, is cut off or damaged; then by
            the row where this begins. A file that ends between two records
            is whole as far as can be told.
    """
    first = 0
    for records in _batches(path, rows or _BLOCK_ROWS):
        yield _block(records, first, columns)
        first += len(records)


def feature_names(path: str) -> list[str]:
    """Names of the features of a file's first record, for an error message."""
    for record in _dataset(path).take(1):
        try:
            return sorted(_features(record))
        except DecodeError:
            break
    return []


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
        f"{file_source(path).locate(row)}: {trouble}. The first row is row "
        "0. Copy the file again from where it is whole, or convert its "
        "source again."
    )


def _reason(error):
    """TensorFlow's sentence without the names of its operations."""
    reason = getattr(error, "message", str(error)).split("}} ")[-1]
    return reason.split(" [Op:")[0]


def _block(records, first, columns):
    numbers = first + np.arange(len(records))
    try:
        return Block(_parse(records, columns), numbers, _record_of(records))
    except _UnsoundError:
        found = [_faults(record, columns) for record in records]
    rejected = tuple(
        RejectedRow(int(number), _shown(record), faults)
        for number, record, faults in zip(numbers, records, found, strict=True)
        if faults
    )
    sound = np.array([not faults for faults in found], bool)
    records = tf.boolean_mask(records, sound)
    table = _parse(records, columns)
    return Block(table, numbers[sound], _record_of(records), rejected)


def _record_of(records):
    return lambda row: _shown(records[row])


def _shown(record):
    return repr(record.numpy()[:_RECORD_SHOWN])


class _UnsoundError(Exception):
    """A record is no `Example`, or has a list that is no such column."""


def _parse(records, columns):
    """Parses records in TensorFlow's C++; returns a table."""
    features = {
        column.name: tf.io.RaggedFeature(
            tf.int64 if column.kind == "ids" else tf.float32,
            row_splits_dtype=tf.int64,
        )
        for column in columns.values()
    }
    try:
        with tf.device("CPU:0"):
            lists = tf.io.parse_example(records, features)
    except tf.errors.InvalidArgumentError:
        raise _UnsoundError from None
    arrays = {}
    for field, column in columns.items():
        values = lists[column.name].values.numpy()
        splits = lists[column.name].row_splits.numpy()
        if len(values) or column.default is None:
            absent = _absent(records, column.name, np.diff(splits))
            make = _lists if column.kind == "ids" else _numbers
            arrays[field] = make(values, splits, absent, column)
    return pa.table(arrays)


def _absent(records, name, lengths):
    """Marks the records that lack a feature; an empty list is none to lack."""
    absent = np.zeros(len(lengths), bool)
    for row in np.flatnonzero(lengths == 0):
        absent[row] = _kind(_features(records[row]), name) is None
    return absent


def _lists(values, splits, absent, column):
    return pa.ListArray.from_arrays(
        pa.array(splits, pa.int32()),
        pa.array(values),
        mask=pa.array(absent) if absent.any() else None,
    )


def _numbers(values, splits, absent, column):
    if (np.diff(splits) != ~absent).any():
        raise _UnsoundError
    default = np.nan if column.default is None else column.default
    numbers = np.full(len(absent), default)
    numbers[~absent] = values
    return pa.array(numbers, mask=absent if column.default is None else None)


def _faults(record, columns):
    """Lists the faults of one record, in Python, at most one for a field.

    A feature that is absent is none: it is null in the block.
    """
    try:
        features = _features(record)
    except DecodeError:
        return (Fault("record", _NO_EXAMPLE, "no protocol buffer of it"),)
    faults = []
    for field, column in columns.items():
        kind = _kind(features, column.name)
        wanted = "int64_list" if column.kind == "ids" else "float_list"
        if kind not in (None, wanted):
            what = f'"{column.name}" is a {kind}'
            faults.append(Fault(field, _NO_EXAMPLE, what))
        elif kind == "float_list":
            numbers = list(features[column.name].float_list.value)
            if len(numbers) != 1:
                what = f"{column.name}={reprlib.repr(numbers)}"
                faults.append(Fault(field, _NO_EXAMPLE, what))
    return tuple(faults)


def _features(record):
    return tf.train.Example.FromString(record.numpy()).features.feature


def _kind(features, name):
    return features[name].WhichOneof("kind") if name in features else None
