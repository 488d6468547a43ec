"""Tells the data which epoch is about to be played."""

import keras

from o2v_keras.data.batches.pair_batches import PairBatches


class EpochSetter(keras.callbacks.Callback):
    """Sets `PairBatches.epoch`, so that an epoch's rows follow its number.

    Keras opens iterators it never plays (to build a distributed model, after
    an epoch's last step), so counting passes would not do.

    Args:
        batches: `PairBatches` that `fit` plays.
    """

    def __init__(self, batches: PairBatches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.epoch = epoch
