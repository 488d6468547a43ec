"""Loss scaling for float16 that leaves sparse gradients sparse."""

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import read_variable


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseLossScale(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` for a row-sparse optimizer.

    Keras's own looks for infinities in a dense copy of a sparse gradient,
    which is as large as the table.

    Args:
        inner_optimizer: The optimizer that gets the unscaled gradients.
        **kwargs: As in the base class.

    Example:
    >>> from o2v_keras.optimizers import RowSparseAdam
    >>> optimizer = RowSparseLossScale(RowSparseAdam(0.001))
    """

    def check_finite(self, grads):
        """Returns whether no gradient holds NaN or infinity."""
        return super().check_finite(
            [
                grad.values if isinstance(grad, tf.IndexedSlices) else grad
                for grad in grads
            ]
        )

    def save_own_variables(self, store):
        for number, variable in enumerate(self.variables):
            store[str(number)] = read_variable(variable)
