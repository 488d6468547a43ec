import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.losses import CoSENTLoss
from o2v_keras.losses import LossMetric

rng = np.random.default_rng(3)
LABELS = rng.integers(0, 4, 12) / 2
SCORES = rng.uniform(-1, 1, (12, 1)).astype("float32")
WEIGHTS = rng.choice([0.0, 0.5, 1.0, 2.0], 12).astype("float32")


def reference(labels, scores, weights, scale):
    """The definition, term by term."""
    total = 1.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] > labels[j]:
                gap = float(scores[j, 0]) - float(scores[i, 0])
                total += weights[i] * weights[j] * np.exp(scale * gap)
    return np.log(total)


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["ones", "weights"])
def test_equals_the_formula(weights, scale):
    loss = CoSENTLoss(scale)
    given = np.ones(12) if weights is None else weights
    expected = reference(LABELS, SCORES, given, scale)
    found = float(loss(LABELS, SCORES, weights))
    assert found == pytest.approx(expected, rel=1e-5)
    metric = LossMetric(loss)
    metric.update_state(LABELS, SCORES, weights)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_a_weight_of_2_counts_as_two_rows():
    twice = np.concatenate([np.arange(12), [4]])
    weights = np.ones(12, "float32")
    weights[4] = 2
    loss = CoSENTLoss()
    assert float(loss(LABELS, SCORES, weights)) == pytest.approx(
        float(loss(LABELS[twice], SCORES[twice])), rel=1e-5
    )


@pytest.mark.parametrize(
    ("labels", "weights"),
    [([2.0, 2.0, 2.0], [1, 1, 1]), ([1.0, 2.0, 3.0], [0, 1, 0])],
    ids=["ties", "fill_rows"],
)
def test_a_batch_without_an_ordered_pair_has_no_loss(labels, weights):
    scores = tf.Variable(SCORES[:3])
    with tf.GradientTape() as tape:
        loss = CoSENTLoss()(np.array(labels), scores, np.array(weights))
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, scores), np.zeros((3, 1)))


def test_large_differences_do_not_overflow():
    scores = tf.Variable([[-1.0], [1.0], [0.0]])
    labels = np.array([3.0, 2.0, 1.0])
    with tf.GradientTape() as tape:
        loss = CoSENTLoss(scale=1000.0)(labels, scores)
    assert float(loss) == pytest.approx(2000.0)
    assert np.isfinite(tape.gradient(loss, scores)).all()


def test_the_metric_skips_batches_of_fill_rows():
    metric = LossMetric(CoSENTLoss())
    metric.update_state(LABELS, SCORES)
    expected = float(metric.result())
    metric.update_state(LABELS, SCORES, np.zeros(12))
    assert float(metric.result()) == expected


def test_serializes():
    loss = CoSENTLoss(5.0, name="other")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (revived.scale, revived.name) == (5.0, "other")
