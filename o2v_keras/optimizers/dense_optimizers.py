"""Keras's optimizers, right where a batch holds a token more than once.

Keras 3.15 squares a sparse gradient occurrence by occurrence: a token that
occurs twice with gradients 1 and 2 adds 1 + 4 to its second moment instead of
9, so that Adam, Adagrad, Adadelta and RMSprop take other steps than their
formulas say, and other ones again when replicas share the batch. MXNet, and
so SageMaker's Object2Vec, sums first.
"""

import keras
import tensorflow as tf

from o2v_keras.optimizers.clipping import SummedRowClipping
from o2v_keras.optimizers.fused_adam import FusedAdam
from o2v_keras.optimizers.summed_rows import with_rows_summed


class DenseUpdates(SummedRowClipping):
    """Mixin that sums the occurrences of a row before the update.

    Tables and slots are updated as a whole, as the base class does it.

    Example:
    >>> class DenseLion(DenseUpdates, keras.optimizers.Lion):
    ...     pass
    """

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by the base class's formula."""
        if isinstance(gradient, tf.IndexedSlices):
            gradient = with_rows_summed(gradient)
        super().update_step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable(package="o2v_keras")
class DenseAdam(SummedRowClipping, FusedAdam, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, its sparse gradients made dense and summed."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by the base class's formula."""
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.scatter_nd(
                gradient.indices[:, tf.newaxis],
                gradient.values,
                tf.shape(variable, out_type=gradient.indices.dtype),
            )
        super().update_step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable(package="o2v_keras")
class DenseAdagrad(DenseUpdates, keras.optimizers.Adagrad):
    """`keras.optimizers.Adagrad` with `DenseUpdates`."""


@keras.saving.register_keras_serializable(package="o2v_keras")
class DenseAdadelta(DenseUpdates, keras.optimizers.Adadelta):
    """`keras.optimizers.Adadelta` with `DenseUpdates`."""


@keras.saving.register_keras_serializable(package="o2v_keras")
class DenseRMSprop(DenseUpdates, keras.optimizers.RMSprop):
    """`keras.optimizers.RMSprop` with `DenseUpdates`."""


@keras.saving.register_keras_serializable(package="o2v_keras")
class DenseSGD(DenseUpdates, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with `DenseUpdates`."""
