"""Correlation and calibration metrics."""

import numpy as np
from scipy import stats
from sklearn import metrics

_BINS = 15


def correlation(
    labels: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Returns Pearson's and Spearman's correlation of values with labels.

    Args:
        labels: `(rows,)` numbers.
        values: `(rows,)` numbers, such as cosines. Those that differ by no
            more than their dtype's rounding are equal.
        weights: `(rows,)` numbers: a row of weight 2 counts as two rows.
            Defaults to `None`: ones.

    Returns:
        `pearson`, and `spearman` (ties share their mean rank), from -1 to 1.
        Empty if all labels or all values are equal: both are undefined.

    Example:
    >>> correlation(np.array([1, 2, 3]), np.array([0.1, 0.2, 0.9]))["spearman"]
    1.0
    """
    rounding = _rounding(values)
    values = values.astype(np.float64)
    if weights is not None:
        labels, values = labels[weights > 0], values[weights > 0]
        weights = weights[weights > 0].astype(np.float64)
    if np.ptp(labels) == 0 or np.ptp(values) <= rounding:
        return {}
    if weights is not None:
        ranks = _mean_ranks(labels, weights), _mean_ranks(values, weights)
        return {
            "pearson": _pearson(labels, values, weights),
            "spearman": _pearson(*ranks, weights),
        }
    return {
        "pearson": float(stats.pearsonr(labels, values).statistic),
        "spearman": float(stats.spearmanr(labels, values).statistic),
    }


def calibration(
    labels: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """Returns calibration metrics of predicted probabilities.

    * `expected_calibration_error`: rows are binned by the probability of
      their most likely class, in 15 bins of equal width, `(0, 1/15]` and so
      on; the mean distance between accuracy and mean probability of a bin,
      weighted by its rows.
    * `brier`: for two classes the mean squared error of the probability of
      class 1 (0 to 1), for more the mean sum of squared errors over classes
      (0 to 2).
    * `auc`: for two classes, the area under the ROC curve; missing if a
      class has no row.

    Args:
        labels: int `(rows,)` classes.
        probabilities: `(rows, num_classes)`.
        weights: `(rows,)`. Weights of the rows. Defaults to `None`: ones.

    Returns:
        Name -> value. The best value is 0, for `auc` 1.

    Example:
    >>> calibration(np.array([0, 1]), np.eye(2))["brier"]
    0.0

    Reference:
    - Guo et al. 2017, "On Calibration of Modern Neural Networks": 15 bins.
    """
    if weights is not None:
        counted = weights > 0
        labels, probabilities = labels[counted], probabilities[counted]
        weights = weights[counted].astype(np.float64)
    classes = np.arange(probabilities.shape[1])
    probabilities = probabilities.astype(np.float64)
    # scikit-learn rejects sums that differ from 1 by float32 rounding.
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    results = {
        "expected_calibration_error": _calibration_error(
            labels, probabilities, weights
        )
    }
    weighted = {"sample_weight": weights}
    if len(classes) == 2:
        ones = probabilities[:, 1]
        results["brier"] = float(
            metrics.brier_score_loss(labels, ones, pos_label=1, **weighted)
        )
        if 0 < np.count_nonzero(labels == 1) < len(labels):
            results["auc"] = float(
                metrics.roc_auc_score(labels, ones, **weighted)
            )
    else:
        results["brier"] = float(
            metrics.brier_score_loss(
                labels, probabilities, labels=classes, **weighted
            )
        )
    return results


def _calibration_error(labels, probabilities, weights):
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    bins = np.ceil(confidence * _BINS).astype(np.int64) - 1
    gaps = hits - confidence
    rows = len(labels) if weights is None else weights.sum()
    if weights is not None:
        gaps *= weights
    return float(np.abs(np.bincount(bins, gaps)).sum() / rows)


def _rounding(values):
    # The rows of a batch get unlike instructions: the last bits of a constant
    # model's scores differ, and their ranks would be a metric of nothing.
    if not np.issubdtype(values.dtype, np.floating):
        return 0
    return 4 * np.finfo(values.dtype).eps * np.abs(values).max()


def _mean_ranks(values, weights):
    """Returns ranks for which a row of weight 2 counts as two rows."""
    _, places = np.unique(values, return_inverse=True)
    ties = np.bincount(places, weights)
    return (np.cumsum(ties) - ties / 2)[places]


def _pearson(first, second, weights):
    covariances = np.cov(first, second, aweights=weights, ddof=0)
    deviations = np.sqrt(np.diag(covariances))
    return float(covariances[0, 1] / deviations.prod())
