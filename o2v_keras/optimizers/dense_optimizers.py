"""Keras's optimizers, right where a batch holds a token more than once.

Keras 3.15 squares a sparse gradient occurrence by occurrence: a token that
occurs twice with gradients 1 and 2 adds 1 + 4 to its second moment instead of
9, so that Adam, Adagrad, Adadelta and RMSprop take other steps than their
formulas say, and other ones again when replicas share the batch. MXNet, and
so SageMaker's Object2Vec, sums first.
"""

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on
from o2v_keras.optimizers.clipping import SummedRowClipping
from o2v_keras.optimizers.clipping import with_rows_summed


class FusedAdam:
    """Mixin that has TensorFlow's own kernel update whole variables.

    The formula is that of `keras.optimizers.Adam`, which Keras plays as a
    dozen operations, each a pass over the memory: with an MLP of a million
    weights these are a third of a step. What is updated by rows, and
    `amsgrad`, stay with the base class.

    Example:
    >>> import keras
    >>> class MyAdam(FusedAdam, keras.optimizers.Adam):
    ...     pass
    """

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by the base class's formula."""
        whole = isinstance(gradient, tf.Tensor)
        if not (whole and isinstance(variable, tf.Variable)) or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        momentum, velocity = (
            copy_on(variable.device, slots[index])
            for slots in (self._momentums, self._velocities)
        )
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


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
