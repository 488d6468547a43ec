"""Keras optimizers that sum the occurrences of a token in a batch.

Keras 3.15 squares a sparse gradient occurrence by occurrence: a token that
occurs twice with gradients 1 and 2 adds 1 + 4 to its second moment instead of
9. Adam, Adagrad, Adadelta and RMSprop then deviate from their formulas, and
results depend on the number of replicas. MXNet, and so SageMaker's
Object2Vec, sums first.
"""

# The mixins use what Keras's optimizers, which come after them, have.
# pyright: reportAttributeAccessIssue=false

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on
from o2v_keras.optimizers.clipping import SummedRowClipping
from o2v_keras.optimizers.clipping import with_rows_summed
from o2v_keras.optimizers.weight_average import WeightAveraging


class FusedAdam:
    """Mixin that updates whole variables by TensorFlow's fused Adam kernel.

    The formula is that of `keras.optimizers.Adam`, which runs a dozen
    operations, each a pass over the memory: a third of a step with an MLP of
    a million weights. The base class still does row updates and `amsgrad`.

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


class DenseUpdates(WeightAveraging, SummedRowClipping):
    """Mixin that sums the occurrences of a row, then updates whole tables.

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
class DenseAdam(
    WeightAveraging, SummedRowClipping, FusedAdam, keras.optimizers.Adam
):
    """`keras.optimizers.Adam` that makes sparse gradients dense by summing."""

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
