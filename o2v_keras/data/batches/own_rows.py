"""A worker's rows of a batch."""

import tensorflow as tf


def own_rows(
    column: tf.Tensor, share: tuple[int, int], group_rows: int
) -> tf.Tensor:
    """Returns every `count`-th group of rows, from group `index` on.

    Args:
        column: `(rows,)`, a multiple of `count * group_rows`.
        share: `(index, count)`.
        group_rows: Consecutive rows that stay together.

    Example:
    >>> own_rows(tf.range(8), (1, 2), group_rows=2).numpy()
    array([2, 3, 6, 7], dtype=int32)
    """
    index, count = share
    if count == 1:
        return column
    if group_rows == 1:
        return column[index::count]
    groups = tf.reshape(column, [-1, group_rows])
    return tf.reshape(groups[index::count], [-1])
