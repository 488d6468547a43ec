"""From a configuration to its Keras optimizer."""

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.optimizers import DenseAdadelta
from o2v_keras.optimizers import DenseAdagrad
from o2v_keras.optimizers import DenseAdam
from o2v_keras.optimizers import DenseRMSprop
from o2v_keras.optimizers import DenseSGD
from o2v_keras.optimizers import RowSparseAdadelta
from o2v_keras.optimizers import RowSparseAdagrad
from o2v_keras.optimizers import RowSparseAdam
from o2v_keras.optimizers import RowSparseLossScale
from o2v_keras.optimizers import RowSparseRMSprop
from o2v_keras.optimizers import RowSparseSGD
from o2v_keras.optimizers import WarmupSchedule

_DENSE = {
    "adam": DenseAdam,
    "adagrad": DenseAdagrad,
    "adadelta": DenseAdadelta,
    "rmsprop": DenseRMSprop,
    "sgd": DenseSGD,
}
_ROW_SPARSE = {
    "adam": RowSparseAdam,
    "adagrad": RowSparseAdagrad,
    "adadelta": RowSparseAdadelta,
    "rmsprop": RowSparseRMSprop,
    "sgd": RowSparseSGD,
}


def make_optimizer(config: Object2VecConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer that a configuration describes.

    Under `mixed_float16` it scales the loss.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=9,
    ...     token_embedding_storage_type="row_sparse",
    ... )
    >>> make_optimizer(config).name
    'row_sparse_adam'
    """
    rate = _learning_rate(config)
    clipping = {"global_clipnorm": config.global_clipnorm or None}
    if config.token_embedding_storage_type == "dense":
        # Keras itself adds the scaling of the loss.
        return _DENSE[config.optimizer](rate, **clipping)
    optimizer = _ROW_SPARSE[config.optimizer](
        rate, row_l2=config.weight_decay, **clipping
    )
    if config.dtype_policy == "mixed_float16":
        return RowSparseLossScale(optimizer)
    return optimizer


def _learning_rate(config):
    kind, warmup = config.learning_rate_schedule, config.warmup_steps
    if kind == "constant" and not warmup:
        # A plain number can be set anew in a notebook.
        return config.learning_rate
    return WarmupSchedule(config.learning_rate, kind, warmup)
