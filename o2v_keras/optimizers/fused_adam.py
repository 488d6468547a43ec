"""Adam's update of a whole variable in one operation."""

import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on


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
