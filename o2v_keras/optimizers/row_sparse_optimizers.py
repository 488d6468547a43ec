"""Row-sparse versions of the optimizers of SageMaker's Object2Vec."""

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import read_variable
from o2v_keras.optimizers.dense_optimizers import FusedAdam
from o2v_keras.optimizers.row_sparse_updates import RowSparseUpdates


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseAdam(RowSparseUpdates, FusedAdam, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with `RowSparseUpdates`.

    Example:
    >>> optimizer = RowSparseAdam(learning_rate=0.001)
    """


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseAdagrad(RowSparseUpdates, keras.optimizers.Adagrad):
    """`keras.optimizers.Adagrad` with `RowSparseUpdates`.

    Like plain SGD it gives the same result as its dense version: a row with
    gradient 0 does not change.

    Example:
    >>> optimizer = RowSparseAdagrad(learning_rate=0.1)
    """


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseAdadelta(RowSparseUpdates, keras.optimizers.Adadelta):
    """`keras.optimizers.Adadelta` with `RowSparseUpdates`.

    Example:
    >>> optimizer = RowSparseAdadelta(learning_rate=1.0)
    """


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseRMSprop(RowSparseUpdates, keras.optimizers.RMSprop):
    """`keras.optimizers.RMSprop` with `RowSparseUpdates`.

    Example:
    >>> optimizer = RowSparseRMSprop(learning_rate=0.001)
    """


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseSGD(RowSparseUpdates, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with `RowSparseUpdates`.

    Example:
    >>> optimizer = RowSparseSGD(learning_rate=0.01, momentum=0.9)
    """


@keras.saving.register_keras_serializable(package="o2v_keras")
class RowSparseLossScale(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` for a row-sparse optimizer.

    Keras checks a dense copy of a sparse gradient, as large as the table,
    for infinities.

    Args:
        inner_optimizer: The optimizer that gets the unscaled gradients.
        **kwargs: Arguments of `keras.optimizers.LossScaleOptimizer`.

    Example:
    >>> from o2v_keras.optimizers import RowSparseAdam
    >>> optimizer = RowSparseLossScale(RowSparseAdam(0.001))
    """

    def check_finite(self, grads):
        """Returns whether all gradients are finite."""
        return super().check_finite(
            [
                grad.values if isinstance(grad, tf.IndexedSlices) else grad
                for grad in grads
            ]
        )

    def save_own_variables(self, store):
        for number, variable in enumerate(self.variables):
            store[str(number)] = read_variable(variable)
