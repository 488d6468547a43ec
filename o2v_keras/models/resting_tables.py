"""Lets pretrained token tables rest for the first epochs."""

from collections.abc import Mapping

import keras

from o2v_keras.layers.token_embedding import TokenEmbedding


class RestingTables(keras.callbacks.Callback):
    """Opens the gate of each table in the epoch from which it learns.

    The state follows from the epoch's number alone, so that a resumed
    training goes on as it was.

    Args:
        epochs: Gated table -> epochs for which it rests.

    Example:
    >>> table = TokenEmbedding(9, 4, gated=True)
    >>> table.build((None, None))
    >>> callback = RestingTables({table: 2})
    >>> callback.on_epoch_begin(1)
    >>> float(table.gate)
    0.0
    """

    def __init__(self, epochs: Mapping[TokenEmbedding, int]):
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        for table, resting in self._epochs.items():
            table.gate.assign(float(epoch >= resting))
