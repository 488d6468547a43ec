"""Signatures that promise to classify or regress, and do not."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2

from serving.local_server.inference import classify
from serving.local_server.inference import regress
from serving.local_server.metrics import Metrics
from serving.local_server.served_version import ServedVersion


def signature(**outputs):
    """A signature of examples with outputs made from their number."""

    def call(inputs):
        count = tf.shape(inputs)[0]
        return {name: make(count) for name, make in outputs.items()}

    spec = tf.TensorSpec([None], tf.string, name="inputs")
    return tf.function(call, input_signature=[spec], autograph=False)


def floats(*shape, dtype=tf.float32):
    return lambda count: tf.ones([count, *shape], dtype)


def labels(*shape):
    return lambda count: tf.fill([count, *shape], "yes")


SIGNATURES = {
    "scores_only": signature(scores=floats(2)),
    "classes_only": signature(classes=labels(2)),
    "flat_scores": signature(scores=floats()),
    "flat_classes": signature(classes=labels()),
    "double_scores": signature(scores=floats(2, dtype=tf.float64)),
    "float_classes": signature(classes=floats(2)),
    "one_row": signature(scores=lambda _: tf.ones([1, 2])),
    "unequal": signature(classes=labels(3), scores=floats(2)),
    "three_outputs": signature(
        classes=labels(2), scores=floats(2), more=floats()
    ),
    "column": signature(outputs=floats(1)),
    "two_columns": signature(outputs=floats(2)),
    "one_value": signature(outputs=lambda _: tf.ones([1])),
    "double": signature(outputs=floats(dtype=tf.float64)),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("inference"))
    tf.saved_model.save(tf.Module(), folder, signatures=SIGNATURES)
    version = ServedVersion("m", 1, folder, Metrics())
    version.session = version.load()
    yield version
    version.session.close()


@pytest.fixture
def two_examples():
    examples = input_pb2.Input()
    examples.example_list.examples.add()
    examples.example_list.examples.add()
    return examples


def test_classes_may_be_missing(model, two_examples):
    found, scores = classify(model, "scores_only", two_examples)
    assert found.tolist() == [[b"", b""], [b"", b""]]
    assert scores.tolist() == [[1, 1], [1, 1]]


def test_scores_may_be_missing(model, two_examples):
    found, scores = classify(model, "classes_only", two_examples)
    assert found.tolist() == [[b"yes", b"yes"], [b"yes", b"yes"]]
    assert scores.tolist() == [[0, 0], [0, 0]]


def test_regressions_may_be_a_column(model, two_examples):
    found = regress(model, "column", two_examples)
    np.testing.assert_array_equal(found, np.ones(2, np.float32))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flat_scores", r"shape: \[batch_size num_classes\] but got \[2\]"),
        ("flat_classes", r"shape: \[batch_size num_classes\] but got \[2\]"),
        ("double_scores", "scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ("float_classes", "classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("one_row", "Expected scores output batch size of 2. Got: 1"),
        ("unequal", r"should match in dim_size\(1\). Got 3 vs. 2"),
        ("three_outputs", "one or two output Tensors, found 3"),
    ],
)
def test_no_classification(model, two_examples, name, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        classify(model, name, two_examples)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_columns", r"\[batch_size, 1\] but got \[2,2\]"),
        ("one_value", "did not match output batch size: 2 vs. 1"),
        ("double", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
    ],
)
def test_no_regression(model, two_examples, name, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        regress(model, name, two_examples)
