"""Collective operations of the replicas in a training step."""

import tensorflow as tf


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Sums a tensor over all replicas (all-reduce).

    Args:
        value: Tensor of the same shape on every replica.

    Returns:
        The sum; `value` without a strategy.

    Example:
    >>> int(sum_over_replicas(tf.constant(3)))
    3
    """
    context = _context()
    if context is None:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def rows_of_replicas(rows: tf.Tensor) -> tf.Tensor:
    """Concatenates the rows of all replicas (all-gather).

    The gradient of a row is summed over all replicas and returned to its own.

    Args:
        rows: Tensor `(rows, ...)` of the same shape on every replica.

    Returns:
        `(replicas * rows, ...)`; `rows` without a strategy.

    Example:
    >>> rows_of_replicas(tf.constant([3, 4])).numpy()
    array([3, 4], dtype=int32)
    """
    context = _context()
    if context is None:
        return rows
    return context.all_gather(rows, axis=0)


def _context():
    """Returns the replica context, or `None` for a single replica."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def global_mean(losses, weights):
    """Returns this replica's part of the weighted mean of the global batch.

    The parts of all replicas add up to the mean; rows of weight 0 change
    nothing.

    Args:
        losses: Float tensor.
        weights: Float tensor of that shape.
    """
    count = sum_over_replicas(tf.reduce_sum(weights))
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), count)
