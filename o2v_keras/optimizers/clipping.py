"""Clipping of gradients that leaves sparse ones sparse, and right."""

import tensorflow as tf

from o2v_keras.optimizers.summed_rows import with_rows_summed


class SummedRowClipping:
    """Mixin that clips with the occurrences of a row summed up.

    Keras takes the norm of a sparse gradient occurrence by occurrence, which
    is another one as soon as a batch holds a token twice, and makes some
    gradients dense on the way.

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
