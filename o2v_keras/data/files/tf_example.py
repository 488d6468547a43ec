"""Pairs as serialized `tf.train.Example`s, the records of our TFRecord files.

A record has the int64 lists `in0` and `in1` and the float list `label` of one
number; an unlabelled record has no `label`. It may have a `weight`, a float
list of one number as well.
"""

import itertools
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.sequences import Sequences

_NO_EXAMPLE = "no such Example"
_SIDE = {"dtype": tf.int64, "row_splits_dtype": tf.int64}
_NUMBER = {"dtype": tf.float32, "row_splits_dtype": tf.int64}


def make_example(
    in0: Iterable[int] | None = None,
    in1: Iterable[int] | None = None,
    label: float | None = None,
    weight: float | None = None,
) -> bytes:
    """Serializes one record; equal records give equal bytes.

    Args:
        in0: Ids of the first side, or `None` to leave it out.
        in1: Ids of the second side, or `None` to leave it out.
        label: float, stored as float32, or `None` to leave it out.
        weight: The same. A record without one counts 1.

    Returns:
        bytes of a `tf.train.Example`.

    Example:
    >>> record = make_example(in0=[6, 17], in1=[16], label=1)
    >>> parse_examples([record]).in0[0]
    array([ 6, 17])
    """
    example = tf.train.Example()
    feature = example.features.feature
    for name, ids in (("in0", in0), ("in1", in1)):
        if ids is not None:
            feature[name].int64_list.value.extend(ids)
    for name, number in (("label", label), ("weight", weight)):
        if number is not None:
            feature[name].float_list.value.append(number)
    # Without it the order of the features is arbitrary.
    return example.SerializeToString(deterministic=True)


def make_examples(table: PairTable) -> Iterator[bytes]:
    """Serializes the rows of a table.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [3]], [[4], [5]], [1, 0])
    >>> parse_examples(list(make_examples(table))).labels
    array([1., 0.])
    """
    columns = {name: _lists(side) for name, side in table.sides.items()}
    if table.labels is not None:
        columns["label"] = table.labels.tolist()
    if table.weights is not None:
        columns["weight"] = table.weights.tolist()
    for row in zip(*columns.values(), strict=True):
        yield make_example(**dict(zip(columns, row, strict=True)))


def _lists(side):
    values, offsets = side.values.tolist(), side.offsets.tolist()
    return [values[i:j] for i, j in itertools.pairwise(offsets)]


def parse_examples(
    records: Sequence[bytes] | np.ndarray | tf.Tensor,
    sides: Sequence[str] = ("in0", "in1"),
    label: bool = True,
    origin: RowOrigin | None = None,
) -> PairTable:
    """Parses many records at once, in TensorFlow's C++.

    Args:
        records: Serialized `tf.train.Example`s: list, array of dtype object
            (NumPy's `S` drops zero bytes at the end), or string tensor, of
            shape `(rows,)`.
        sides: Names of the sides to read. Defaults to both. A side that a
            record lacks becomes an empty sequence, which `PairCheck`
            reports.
        label: Whether to read labels, and weights where there are some;
            without, both are ignored. Defaults to `True`.
        origin: `RowOrigin` of the records. Defaults to `None`: they are rows
            0, 1, ... of an array.

    Returns:
        A `PairTable` with a row for every record.

    Raises:
        DataError: If a record is no `tf.train.Example`, holds a list of
            another type, has not exactly one label where labels are read,
            or several weights.

    Example:
    >>> records = [make_example(in1=[5]), make_example(in1=[7, 8])]
    >>> parse_examples(records, sides=["in1"], label=False).in1.lengths
    array([1, 2])
    """
    features = {name: tf.io.RaggedFeature(**_SIDE) for name in sides}
    if label:
        features["label"] = tf.io.RaggedFeature(**_NUMBER)
        features["weight"] = tf.io.RaggedFeature(**_NUMBER)
    if origin is None:
        origin = RowOrigin.in_memory(len(records))
    try:
        with tf.device("CPU:0"):
            parsed = tf.io.parse_example(
                tf.convert_to_tensor(records, tf.string), features
            )
    except tf.errors.InvalidArgumentError as error:
        raise DataError(_reason(error)) from None
    columns = {
        name: Sequences(column.values.numpy(), column.row_splits.numpy())
        for name, column in parsed.items()
    }
    labels = weights = None
    if label:
        labels = _labels(columns["label"], origin)
        weights = _weights(columns["weight"], origin)
    return PairTable(
        columns.get("in0"), columns.get("in1"), labels, origin, weights
    )


def example_faults(
    record: bytes, sides: Sequence[str], label: bool
) -> tuple[Fault, ...]:
    """Lists the faults of one record, in Python.

    Args:
        record: bytes.
        sides: Names of the sides the record must have.
        label: Whether the record must have a label, and may have a weight.

    Returns:
        tuple of `Fault`, at most one for a feature.

    Example:
    >>> for fault in example_faults(make_example(in0=[3]), ["in0"], True):
    ...     print(fault)
    label: missing: no "label"
    """
    try:
        feature = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return (Fault("record", _NO_EXAMPLE, "no protocol buffer of it"),)
    kinds = {name: "int64_list" for name in sides}
    if label:
        kinds["label"] = "float_list"
        if "weight" in feature:
            kinds["weight"] = "float_list"
    faults = []
    for name, kind in kinds.items():
        found = feature[name].WhichOneof("kind") if name in feature else None
        if found is None:
            faults.append(Fault(name, "missing", f'no "{name}"'))
        elif found != kind:
            faults.append(Fault(name, _NO_EXAMPLE, f'"{name}" is a {found}'))
        elif kinds[name] == "float_list":
            count = len(feature[name].float_list.value)
            if count != 1:
                faults.append(Fault(name, _NO_EXAMPLE, f"{count} {name}s"))
    return tuple(faults)


def _labels(column, origin):
    wrong = np.flatnonzero(column.lengths != 1)
    if wrong.size:
        raise DataError(
            f"{origin.locate(wrong[0])}: must have one label in the float "
            f'list "label". Received: {column.lengths[wrong[0]]} labels'
        )
    return column.values.astype(np.float64)


def _weights(column, origin):
    if not column.values.size:
        return None
    wrong = np.flatnonzero(column.lengths > 1)
    if wrong.size:
        raise DataError(
            f"{origin.locate(wrong[0])}: must have at most one weight in the "
            f'float list "weight". Received: {column.lengths[wrong[0]]} weights'
        )
    weights = np.ones(len(column), np.float32)
    weights[column.lengths == 1] = column.values
    return weights


def _reason(error):
    """TensorFlow's sentence without the names of its graph nodes."""
    reason = error.message.split("}} ")[-1].removesuffix("[Op:ParseExampleV2]")
    reason = reason.strip().removeprefix("Name: <unknown>, ")
    return (
        'Every record must be a tf.train.Example with int64 lists "in0" and '
        '"in1" and a float list "label". Received: ' + reason[:200]
    )
