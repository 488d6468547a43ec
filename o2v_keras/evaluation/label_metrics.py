"""How scores go with labels, beyond what Keras's metrics say."""

import numpy as np
from scipy import stats
from sklearn import metrics

_BINS = 15


def correlation(labels: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Pearson's and Spearman's correlation of values with labels.

    Args:
        labels: `(rows,)` numbers.
        values: `(rows,)` numbers, such as cosines.

    Returns:
        `pearson`, and `spearman` (ties share their mean rank), from -1 to 1;
        empty where all labels or all values are equal, since nothing is
        defined there.

    Example:
    >>> correlation(np.array([1, 2, 3]), np.array([0.1, 0.2, 0.9]))["spearman"]
    1.0
    """
    values = values.astype(np.float64)
    if np.ptp(labels) == 0 or np.ptp(values) == 0:
        return {}
    return {
        "pearson": float(stats.pearsonr(labels, values).statistic),
        "spearman": float(stats.spearmanr(labels, values).statistic),
    }


def calibration(
    labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, float]:
    """Says how far probabilities can be taken at their word.

    * `expected_calibration_error`: rows are put by the probability of their
      most likely class into 15 bins of equal width, `(0, 1/15]` and so on;
      the mean distance of a bin's accuracy from its mean probability,
      weighted by its rows.
    * `brier`: mean squared error of the probability of class 1 where there
      are two classes (0 to 1), of the sum over classes of squared errors
      where there are more (0 to 2).
    * `auc`: for two classes, the chance that a row of class 1 has a higher
      probability of it than a row of class 0; left out where a class has no
      row.

    Args:
        labels: int `(rows,)` classes.
        probabilities: `(rows, num_classes)`.

    Returns:
        Name -> value; 0 is perfect but for `auc`, where it is 1.

    Example:
    >>> calibration(np.array([0, 1]), np.eye(2))["brier"]
    0.0

    Reference:
    - Guo et al. 2017, "On Calibration of Modern Neural Networks": 15 bins.
    """
    classes = np.arange(probabilities.shape[1])
    probabilities = probabilities.astype(np.float64)
    # In float32 they add up to 1 but for rounding, which scikit-learn checks.
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    results = {
        "expected_calibration_error": _calibration_error(labels, probabilities)
    }
    if len(classes) == 2:
        ones = probabilities[:, 1]
        results["brier"] = float(
            metrics.brier_score_loss(labels, ones, pos_label=1)
        )
        if 0 < np.count_nonzero(labels == 1) < len(labels):
            results["auc"] = float(metrics.roc_auc_score(labels, ones))
    else:
        results["brier"] = float(
            metrics.brier_score_loss(labels, probabilities, labels=classes)
        )
    return results


def _calibration_error(labels, probabilities):
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    bins = np.ceil(confidence * _BINS).astype(np.int64) - 1
    # What a bin's hits have over its confidence, summed up over its rows.
    gaps = np.bincount(bins, hits - confidence)
    return float(np.abs(gaps).sum() / len(labels))
