"""Sparse gradients in which every row occurs once."""

import tensorflow as tf


def with_rows_summed(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns a gradient's distinct rows, each with its occurrences' sum.

    Example:
    >>> gradient = tf.IndexedSlices(
    ...     tf.constant([[1.0], [2.0], [5.0]]), tf.constant([4, 0, 4])
    ... )
    >>> with_rows_summed(gradient).values.numpy().ravel()
    array([6., 2.], dtype=float32)
    """
    indices, places = tf.unique(gradient.indices)
    # Where no row occurs twice they keep their order, and a copy is saved.
    values = tf.cond(
        tf.equal(tf.size(indices), tf.size(places)),
        lambda: gradient.values,
        lambda: tf.math.unsorted_segment_sum(
            gradient.values, places, tf.size(indices)
        ),
    )
    return tf.IndexedSlices(values, indices, gradient.dense_shape)
