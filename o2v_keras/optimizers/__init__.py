"""Optimizers whose steps do not grow with the vocabulary."""

from o2v_keras.optimizers.row_sparse_loss_scale import RowSparseLossScale
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdadelta
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdagrad
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdam
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseRMSprop
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseSGD
from o2v_keras.optimizers.row_sparse_updates import RowSparseUpdates

__all__ = [
    "RowSparseAdadelta",
    "RowSparseAdagrad",
    "RowSparseAdam",
    "RowSparseLossScale",
    "RowSparseRMSprop",
    "RowSparseSGD",
    "RowSparseUpdates",
]
