"""Pairs of a positive and one of its negatives in a batch.

Every `1 + negatives` consecutive rows of a batch are a group: a positive and
its negatives.
"""

from keras import ops


def margins(y_pred, negatives):
    """Returns the scores of positives minus those of their negatives.

    Args:
        y_pred: Float `(groups * (1 + negatives), 1)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> margins(np.array([[3.0], [1.0], [0.0], [1.0]]), 1).numpy().tolist()
    [2.0, -1.0]
    """
    scores = ops.reshape(y_pred, [-1, 1 + negatives])  # (groups, 1 + N)
    return ops.reshape(scores[:, :1] - scores[:, 1:], [-1])


def pair_weights(sample_weight, negatives):
    """Returns the weight of each pair, which is its negative's.

    Args:
        sample_weight: Float `(groups * (1 + negatives),)`.
        negatives: int. Negatives of each positive.

    Returns:
        `(groups * negatives,)`.

    Example:
    >>> pair_weights(np.array([1.0, 0.5, 1.0, 0.0]), 1).numpy().tolist()
    [0.5, 0.0]
    """
    weights = ops.reshape(sample_weight, [-1, 1 + negatives])  # (groups, 1 + N)
    return ops.reshape(weights[:, 1:], [-1])
