"""From a configuration to its Keras optimizer."""

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.optimizers import RowSparseAdadelta
from o2v_keras.optimizers import RowSparseAdagrad
from o2v_keras.optimizers import RowSparseAdam
from o2v_keras.optimizers import RowSparseLossScale
from o2v_keras.optimizers import RowSparseRMSprop
from o2v_keras.optimizers import RowSparseSGD

_DENSE = {
    "adam": keras.optimizers.Adam,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
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
    if config.token_embedding_storage_type == "dense":
        # Keras itself adds the scaling of the loss.
        return _DENSE[config.optimizer](config.learning_rate)
    optimizer = _ROW_SPARSE[config.optimizer](
        config.learning_rate, row_l2=config.weight_decay
    )
    if config.dtype_policy == "mixed_float16":
        return RowSparseLossScale(optimizer)
    return optimizer
