"""One number for what a model answers to a pair."""

import numpy as np


def expected_values(scores: np.ndarray) -> np.ndarray:
    """Returns the value of a score, or the expected class of probabilities.

    Classes count as the numbers they are called: of two classes it is the
    probability of class 1, of five grades the mean grade.

    Args:
        scores: `(rows, 1)` values or `(rows, num_classes)` probabilities.

    Returns:
        `(rows,)`.

    Example:
    >>> expected_values(np.array([[0.25, 0.75], [0.5, 0.5]]))
    array([0.75, 0.5 ])
    """
    if scores.shape[1] == 1:
        return scores[:, 0]
    return scores @ np.arange(scores.shape[1], dtype=scores.dtype)
