import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.tf_example import example_faults
from o2v_keras.data.files.tf_example import make_example
from o2v_keras.data.files.tf_example import parse_examples
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source


def floats(name, values):
    example = tf.train.Example()
    example.features.feature[name].float_list.value.extend(values)
    return example.SerializeToString()


def test_example_is_what_tensorflow_reads():
    record = make_example(np.array([6, 2**40]), [16, 21, 13], label=0.5)
    features = tf.train.Example.FromString(record).features.feature
    assert list(features["in0"].int64_list.value) == [6, 2**40]
    assert list(features["in1"].int64_list.value) == [16, 21, 13]
    assert list(features["label"].float_list.value) == [0.5]


def test_what_is_not_given_is_left_out():
    features = tf.train.Example.FromString(make_example(in1=[4])).features
    assert list(features.feature) == ["in1"]


def test_examples_become_a_table():
    rng = np.random.default_rng(0)
    rows = [
        (rng.integers(0, 99, n), rng.integers(0, 2**50, 9 - n), float(n) / 4)
        for n in range(1, 9)
    ]
    table = parse_examples([make_example(*row) for row in rows])
    for number, (in0, in1, label) in enumerate(rows):
        np.testing.assert_array_equal(table.in0[number], in0)
        np.testing.assert_array_equal(table.in1[number], in1)
        assert table.labels[number] == label
    dtypes = (table.in0.values.dtype, table.in0.offsets.dtype)
    assert dtypes == (np.int64, np.int64)
    assert table.labels.dtype == np.float64


def test_records_in_an_array_or_tensor():
    records = [make_example([4], [5], 1), make_example([6], [7, 8], 0)]
    for form in (np.array(records, object), tf.constant(records)):
        assert parse_examples(form).in1[1].tolist() == [7, 8]


def test_one_side_without_labels():
    table = parse_examples([make_example([4], [5], 1)], ["in1"], label=False)
    assert (table.in0, table.labels) == (None, None)


def test_absent_side_is_an_empty_sequence():
    table = parse_examples([make_example(in1=[3])], label=False)
    assert table.in0.lengths.tolist() == [0]


def test_no_records():
    assert len(parse_examples([])) == 0


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"hello " * 9, "must be a tf.train.Example .* Received: "),
        (floats("in0", [1.5]), "in0, Index: 1. .*int64.*Actual type: float"),
        (make_example([1], [2]), "a.tfrecord: row 8: .*Received: 0 labels"),
        (floats("label", [1, 2]), "a.tfrecord: row 8: .*Received: 2 labels"),
    ],
    ids=["no_example", "float_ids", "no_label", "two_labels"],
)
def test_unusable_record(record, message):
    origin = RowOrigin.of(Source("a.tfrecord", "row"), np.array([7, 8]))
    with pytest.raises(DataError, match=message):
        parse_examples([make_example([4], [5], 1), record], origin=origin)


@pytest.mark.parametrize(
    ("record", "reasons"),
    [
        (make_example([1], [2], 3), []),
        (make_example(in0=[1]), ["in1: missing", "label: missing"]),
        (floats("in0", [1.5]), ["in0: no such", "in1: miss", "label: miss"]),
    ],
    ids=["none", "absent", "type"],
)
def test_faults_of_a_record(record, reasons):
    faults = example_faults(record, ["in0", "in1"], label=True)
    assert len(faults) == len(reasons)
    for fault, reason in zip(faults, reasons, strict=True):
        assert str(fault).startswith(reason)
