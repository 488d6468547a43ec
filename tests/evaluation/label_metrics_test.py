import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from o2v_keras.evaluation.label_metrics import calibration
from o2v_keras.evaluation.label_metrics import correlation

RNG = np.random.default_rng(0)


def test_correlations_are_those_of_scipy_with_ties():
    labels = RNG.integers(0, 5, 60).astype(float)
    values = (labels + RNG.normal(size=60)).round().astype(np.float32)
    ranks = stats.rankdata(labels), stats.rankdata(values)
    assert correlation(labels, values) == pytest.approx(
        {
            "pearson": np.corrcoef(labels, values)[0, 1],
            "spearman": np.corrcoef(*ranks)[0, 1],
        }
    )


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ([1, 1], [0.1, 0.2]),
        ([1, 2], [0.3, 0.3]),
        ([1, 2], [0.5, np.nextafter(np.float32(0.5), np.float32(1))]),
    ],
)
def test_no_spread_has_no_correlation(labels, values):
    values = np.array(values, np.float32)
    assert correlation(np.array(labels), values) == {}


def test_a_small_spread_has_a_correlation():
    values = np.array([0.5, 0.50001, 0.50002], np.float32)
    found = correlation(np.array([1, 2, 3]), values)
    assert found["spearman"] == pytest.approx(1)


def test_calibration_error_by_hand():
    # Bins of a fifteenth: .52 twice, right once; .9 three times, all right.
    ones = np.array([0.52, 0.52, 0.9, 0.1, 0.9])
    labels = np.array([1, 0, 1, 0, 1])
    results = calibration(labels, np.stack([1 - ones, ones], axis=1))
    expected = (2 * abs(0.5 - 0.52) + 3 * abs(1 - 0.9)) / 5
    assert results["expected_calibration_error"] == pytest.approx(expected)
    assert results["brier"] == pytest.approx(np.mean((ones - labels) ** 2))
    assert results["auc"] == roc_auc_score(labels, ones)


def test_calibration_error_follows_scikit_learns_curve():
    confidence = RNG.uniform(0.5, 1, 500)
    # Right too often at first and too seldom later, bin by bin.
    labels = (RNG.random(500) < 0.75).astype(int)
    both = np.stack([1 - confidence, confidence], axis=1)
    accuracies, means = calibration_curve(labels, confidence, n_bins=15)
    rows = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = (rows[rows > 0] * abs(accuracies - means)).sum() / 500
    error = calibration(labels, both)["expected_calibration_error"]
    assert error == pytest.approx(expected)


def test_more_classes_have_the_brier_score_of_all():
    scores = RNG.dirichlet(np.ones(4), 50).astype(np.float32)
    labels = RNG.integers(0, 3, 50)  # class 3 has no row
    results = calibration(labels, scores)
    expected = ((scores - np.eye(4)[labels]) ** 2).sum(axis=1).mean()
    assert results["brier"] == pytest.approx(expected, rel=1e-5)
    assert "auc" not in results


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_has_no_auc(label):
    scores = np.array([[0.25, 0.75], [0.5, 0.5]])
    results = calibration(np.array([label, label]), scores)
    assert "auc" not in results
    errors = np.array([0.75, 0.5]) - label
    assert results["brier"] == pytest.approx((errors**2).mean())


def test_certainty_has_a_bin():
    results = calibration(np.array([0, 1, 1]), np.eye(2)[[0, 1, 0]])
    assert results["expected_calibration_error"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_weight_counts_as_so_many_rows(classes):
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, 40)
    labels = rng.integers(0, classes, 40)
    values = rng.integers(0, 9, 40) / 3  # with ties
    probabilities = rng.dirichlet(np.ones(classes), 40)
    rows = np.repeat(np.arange(40), weights)
    assert correlation(labels, values, weights) == pytest.approx(
        correlation(labels[rows], values[rows])
    )
    assert calibration(labels, probabilities, weights) == pytest.approx(
        calibration(labels[rows], probabilities[rows])
    )


def test_rows_of_weight_0_define_nothing():
    labels, values = np.array([0, 1]), np.array([1.0, 2.0])
    assert correlation(labels, values, np.array([1.0, 0.0])) == {}
