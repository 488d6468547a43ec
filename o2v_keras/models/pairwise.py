"""Pairs of a positive and one of its negatives, out of a batch's rows.

Every `1 + negatives` consecutive rows of a batch are a group: a positive and
the negatives that were made of it.
"""

from keras import ops


def margins(y_pred, negatives):
    """By how much positives are scored above their negatives.

    Args:
        y_pred: Float `(groups * (1 + negatives), 1)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> margins(np.array([[3.0], [1.0], [0.0], [1.0]]), 1).numpy().tolist()
    [2.0, -1.0]
    """
    scores = ops.reshape(y_pred, [-1, 1 + negatives])  # (G, 1 + N)
    return ops.reshape(scores[:, :1] - scores[:, 1:], [-1])


def pair_weights(sample_weight, negatives):
    """Returns the weights of the pairs: those of their negatives.

    Args:
        sample_weight: Float `(groups * (1 + negatives),)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> pair_weights(np.array([1.0, 0.5, 1.0, 0.0]), 1).numpy().tolist()
    [0.5, 0.0]
    """
    weights = ops.reshape(sample_weight, [-1, 1 + negatives])  # (G, 1 + N)
    return ops.reshape(weights[:, 1:], [-1])
