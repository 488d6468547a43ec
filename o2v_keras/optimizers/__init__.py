"""Optimizers with dense and with row-sparse updates of token tables."""

from o2v_keras.optimizers.dense_optimizers import DenseAdadelta
from o2v_keras.optimizers.dense_optimizers import DenseAdagrad
from o2v_keras.optimizers.dense_optimizers import DenseAdam
from o2v_keras.optimizers.dense_optimizers import DenseRMSprop
from o2v_keras.optimizers.dense_optimizers import DenseSGD
from o2v_keras.optimizers.dense_optimizers import DenseUpdates
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdadelta
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdagrad
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseAdam
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseLossScale
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseRMSprop
from o2v_keras.optimizers.row_sparse_optimizers import RowSparseSGD
from o2v_keras.optimizers.row_sparse_updates import RowSparseUpdates
from o2v_keras.optimizers.warmup_schedule import WarmupSchedule
from o2v_keras.optimizers.weight_average import WeightAverage
from o2v_keras.optimizers.weight_average import WeightAveraging

__all__ = [
    "DenseAdadelta",
    "DenseAdagrad",
    "DenseAdam",
    "DenseRMSprop",
    "DenseSGD",
    "DenseUpdates",
    "RowSparseAdadelta",
    "RowSparseAdagrad",
    "RowSparseAdam",
    "RowSparseLossScale",
    "RowSparseRMSprop",
    "RowSparseSGD",
    "RowSparseUpdates",
    "WarmupSchedule",
    "WeightAverage",
    "WeightAveraging",
]
