"""What the replicas of a training step tell each other."""

import tensorflow as tf


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the sum of all replicas' values; without a strategy, `value`.

    Args:
        value: Tensor of the same shape on every replica.

    Example:
    >>> int(sum_over_replicas(tf.constant(3)))
    3
    """
    context = _context()
    if context is None:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def rows_of_replicas(rows: tf.Tensor) -> tf.Tensor:
    """Returns all replicas' rows, replica by replica.

    Gradients flow back to the rows' own replicas, summed over those that
    made use of them.

    Args:
        rows: Tensor of at least one dimension, of the same shape on every
            replica.

    Example:
    >>> rows_of_replicas(tf.constant([3, 4])).numpy()
    array([3, 4], dtype=int32)
    """
    context = _context()
    if context is None:
        return rows
    return context.all_gather(rows, axis=0)


def _context():
    """Returns the context of several replicas, or `None`."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context
