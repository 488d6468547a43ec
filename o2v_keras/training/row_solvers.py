"""The vector of one new object that fits its records best, by NumPy.

Scores are linear in the vector: `directions @ vector`, with one direction for
each object of the other side. All functions add `penalty * |vector|^2` for
each record, as `token_embedding_l2` does in training.
"""

from collections.abc import Callable

import numpy as np

_MOST_STEPS = 50
# A step that changes no number by more ends the search.
_SMALL_STEP = 1e-6
# Least share of the decrease that the gradient promises; Armijo's rule.
_DECREASE = 1e-4

Objective = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def fit_values(
    directions: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    penalty: float,
    centre: np.ndarray,
) -> np.ndarray:
    """Minimizes squared errors: `sum(w * (value - direction @ x)^2)`.

    Args:
        directions: `(records, dim)`.
        values: `(records,)`. What the scores are to be.
        weights: `(records,)`.
        penalty: Of the squared distance to `centre`, for each record.
        centre: `(dim,)`.

    Returns:
        `(dim,)`; of several solutions the one nearest to `centre`.

    Example:
    >>> values, ones = np.array([2.0, 4.0]), np.ones(2)
    >>> fit_values(np.eye(2), values, ones, 0.5, np.zeros(2))
    array([1., 2.])
    """
    dim = directions.shape[1]
    weighted = directions * weights[:, np.newaxis]
    matrix = directions.T @ weighted
    matrix += penalty * weights.sum() * np.eye(dim)
    rest = weighted.T @ (values - directions @ centre)
    return centre + np.linalg.lstsq(matrix, rest, rcond=None)[0]


def fit_gaussian(
    directions: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    spreads: np.ndarray,
    shifts: np.ndarray,
    penalties: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the Gaussian of least expected squared errors and divergence.

    Directions and what else a score holds are uncertain, with variances
    `spreads` and the covariances `shifts`. The result minimizes
    `sum(w * E[(value - direction @ x)^2]) + 2 * penalties @ KL(x)`, where the
    prior of `x` has the mean 0.

    Args:
        directions: `(records, dim)`, the means.
        values: `(records,)`. What the scores are to be.
        weights: `(records,)`.
        spreads: `(records, dim)`. Variances of the directions.
        shifts: `(records, dim)`. Covariances of directions and constants.
        penalties: `(2, dim)`. Half of the weight of the divergence, and that
            times the prior's precision.

    Returns:
        Means `(dim,)` and variances `(dim,)`.

    Example:
    >>> one, none = np.ones(1), np.zeros((1, 2))
    >>> fit_gaussian(
    ...     np.array([[1.0, 0.0]]), 3 * one, one, none, none, np.ones((2, 2))
    ... )
    (array([1.5, 0. ]), array([0.5, 1. ]))
    """
    half, prior = penalties
    weighted = directions * weights[:, np.newaxis]
    own = weights @ spreads + prior
    matrix = directions.T @ weighted + np.diag(own)
    rest = weighted.T @ values - weights @ shifts
    means = np.linalg.solve(matrix, rest)
    return means, half / (weights @ directions**2 + own)


def fit_softmax(
    positives: np.ndarray,
    weights: np.ndarray,
    candidates: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Minimizes the cross-entropy of positives among all candidates.

    Args:
        positives: `(records, dim)`. Directions of the records' objects.
        weights: `(records,)`.
        candidates: `(objects, dim)`. Directions of the objects of the other
            side, or of an even sample of them.
        penalty: For each record.

    Returns:
        `(dim,)`.
    """
    total, wanted = weights.sum(), weights @ positives

    def objective(x):
        logits = candidates @ x
        largest = logits.max()
        shares = np.exp(logits - largest)
        sum_ = shares.sum()
        shares /= sum_
        mean = shares @ candidates
        value = total * (largest + np.log(sum_)) - wanted @ x
        spread = (candidates * shares[:, np.newaxis]).T @ candidates
        spread -= np.outer(mean, mean)
        return value, total * mean - wanted, total * spread

    return _minimize(objective, penalty * total, candidates.shape[1])


def fit_order(
    positives: np.ndarray,
    weights: np.ndarray,
    negatives: np.ndarray,
    ahead: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Minimizes the BPR loss of each positive, its mean over all negatives.

    Args:
        positives: `(records, dim)`.
        weights: `(records,)`.
        negatives: `(objects, dim)`.
        ahead: `(records, objects)`, or a shape that broadcasts to it. By how
            much a positive's score is above a negative's whatever the vector.
        penalty: For each record.

    Returns:
        `(dim,)`.
    """
    # (records, 1): the weight of each of a record's pairs.
    share = weights[:, np.newaxis] / len(negatives)

    def objective(x):
        margins = (positives @ x)[:, np.newaxis] - negatives @ x + ahead
        wrong = 1 / (1 + np.exp(np.clip(margins, -500, 500)))
        value = np.sum(share * np.logaddexp(0, -margins))
        slopes = share * wrong  # (records, objects)
        gradient = slopes.sum(axis=0) @ negatives
        gradient -= slopes.sum(axis=1) @ positives
        curves = slopes * (1 - wrong)
        mixed = positives.T @ curves @ negatives
        hessian = (positives.T * curves.sum(axis=1)) @ positives
        hessian += (negatives.T * curves.sum(axis=0)) @ negatives
        return value, gradient, hessian - mixed - mixed.T

    return _minimize(objective, penalty * weights.sum(), negatives.shape[1])


def _minimize(objective: Objective, penalty: float, dim: int) -> np.ndarray:
    """Adds `penalty * |x|^2` to a convex function; damped Newton from 0."""

    def penalized(x):
        value, gradient, hessian = objective(x)
        return (
            value + penalty * x @ x,
            gradient + 2 * penalty * x,
            hessian + 2 * penalty * np.eye(dim),
        )

    x = np.zeros(dim)
    value, gradient, hessian = penalized(x)
    for _ in range(_MOST_STEPS):
        step = np.linalg.lstsq(hessian, -gradient, rcond=None)[0]
        slope = gradient @ step
        while True:
            tried = penalized(x + step)
            if tried[0] <= value + _DECREASE * slope:
                break
            step, slope = step / 2, slope / 2
            if np.abs(step).max() < _SMALL_STEP:
                return x
        x = x + step
        value, gradient, hessian = tried
        if np.abs(step).max() < _SMALL_STEP:
            break
    return x
