import keras
import numpy as np
import pytest

from o2v_keras.losses import BPRLoss
from o2v_keras.losses import PairwiseMean

# Two groups of a positive and two negatives.
SCORES = np.array([[2.0], [1.0], [2.0], [-1.0], [0.5], [-4.0]])
MARGINS = np.array([1.0, 0.0, -1.5, 3.0])
LOSSES = np.log1p(np.exp(-MARGINS))
RIGHT = np.array([1.0, 0.5, 0.0, 1.0])
LABELS = np.array([1.0, 0, 0, 1, 0, 0])
WEIGHTS = {
    "none": (None, None),
    "ones": (np.ones(6), np.ones(4)),
    "not_found": (np.array([1, 1, 0, 1, 1, 1]), np.array([1, 0, 1, 1])),
    "fill_group": (np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 0])),
    # A positive's own weight says nothing: its negatives have it too.
    "any": (np.array([9, 2, 2, 7, 0.5, 0.5]), np.array([2, 2, 0.5, 0.5])),
}


@pytest.mark.parametrize(("rows", "pairs"), WEIGHTS.values(), ids=WEIGHTS)
def test_is_the_weighted_mean_over_pairs(rows, pairs):
    loss = BPRLoss(2)(LABELS, SCORES, sample_weight=rows)
    expected = np.average(LOSSES, weights=pairs)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize(("rows", "pairs"), WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize(
    ("kind", "values"), [("bpr", LOSSES), ("pairwise_accuracy", RIGHT)]
)
def test_metrics_are_means_over_all_pairs(kind, values, rows, pairs):
    metric = PairwiseMean(kind, 2)
    for part in (slice(3), slice(3, 6)):
        weights = None if rows is None else rows[part]
        metric.update_state(LABELS[part], SCORES[part], weights)
    expected = np.average(values, weights=pairs)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)


def test_is_0_without_pairs():
    assert float(BPRLoss(2)(LABELS, SCORES, np.zeros(6))) == 0


def test_does_not_overflow():
    scores = np.array([[-1e4], [1e4]], "float32")
    assert float(BPRLoss(1)(LABELS[:2], scores)) == pytest.approx(2e4)


def test_loss_and_metric_serialize():
    loss = BPRLoss(3, name="other")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (revived.negatives, revived.name) == (3, "other")
    metric = PairwiseMean("pairwise_accuracy", 3, name="other")
    revived = keras.metrics.deserialize(keras.metrics.serialize(metric))
    found = (revived.kind, revived.negatives, revived.name)
    assert found == ("pairwise_accuracy", 3, "other")


def test_the_kinds_are_named():
    with pytest.raises(ValueError, match="kind='auc'"):
        PairwiseMean("auc", 1)
