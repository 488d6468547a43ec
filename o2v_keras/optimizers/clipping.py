"""Clips sparse gradients after summing repeated rows."""

# The mixins use what Keras's optimizers, which come after them, have.
# pyright: reportAttributeAccessIssue=false

import tensorflow as tf


def with_rows_summed(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Sums the occurrences of each row of a sparse gradient.

    Example:
    >>> gradient = tf.IndexedSlices(
    ...     tf.constant([[1.0], [2.0], [5.0]]), tf.constant([4, 0, 4])
    ... )
    >>> with_rows_summed(gradient).values.numpy().ravel()
    array([6., 2.], dtype=float32)
    """
    indices, places = tf.unique(gradient.indices)
    # Without repeated rows the order is unchanged; this saves a copy.
    values = tf.cond(
        tf.equal(tf.size(indices), tf.size(places)),
        lambda: gradient.values,
        lambda: tf.math.unsorted_segment_sum(
            gradient.values, places, tf.size(indices)
        ),
    )
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


class SummedRowClipping:
    """Mixin that sums the occurrences of a row before it clips gradients.

    Keras computes the norm of a sparse gradient from single occurrences,
    which is wrong if a batch holds a token twice, and makes some gradients
    dense.

    Example:
    >>> import keras
    >>> class ClippedSGD(SummedRowClipping, keras.optimizers.SGD):
    ...     pass
    """

    def _clip_gradients(self, grads):
        if self.clipnorm or self.global_clipnorm or self.clipvalue:
            grads = [
                with_rows_summed(grad)
                if isinstance(grad, tf.IndexedSlices)
                else grad
                for grad in grads
            ]
        if self.global_clipnorm:
            return tf.clip_by_global_norm(grads, self.global_clipnorm)[0]
        if self.clipvalue:
            low, high = -self.clipvalue, self.clipvalue
            return [
                _with_values(grad, tf.clip_by_value(grad.values, low, high))
                if isinstance(grad, tf.IndexedSlices)
                else tf.clip_by_value(grad, low, high)
                for grad in grads
            ]
        return super()._clip_gradients(grads)


def _with_values(gradient, values):
    return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
