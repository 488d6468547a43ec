"""Stops training as soon as the loss is no number."""

import math

import keras


class NonFiniteLossError(ValueError):
    """The loss became NaN or infinite; the message says what to try."""


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises `NonFiniteLossError` at the first loss that is NaN or infinite.

    Comes before the callbacks that write anything, so that the last good
    checkpoint and history stay in place.

    Args:
        learning_rate: float. Named in the message.

    Example:
    >>> callback = StopOnNonFiniteLoss(learning_rate=0.1)
    >>> callback.on_epoch_begin(4)
    >>> try:
    ...     callback.on_train_batch_end(7, {"loss": float("nan")})
    ... except NonFiniteLossError as error:
    ...     print(str(error).split(". ")[0])
    The loss became nan in epoch 4 (by batch 7) at learning_rate=0.1
    """

    def __init__(self, learning_rate):
        super().__init__()
        self.learning_rate = learning_rate
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._require_finite("loss", logs, f" (by batch {batch})")

    def on_epoch_end(self, epoch, logs=None):
        self._require_finite("loss", logs, "")
        self._require_finite("val_loss", logs, " (validation)")

    def _require_finite(self, name, logs, place):
        loss = float((logs or {}).get(name, 0.0))
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"The loss became {loss} in epoch {self._epoch}{place} at "
                f"learning_rate={self.learning_rate:g}. Try a learning rate "
                f"ten times smaller; for mean_squared_error also labels "
                f"scaled to about -1..1. The last good checkpoint, if an "
                f"epoch has ended, is still in the model directory."
            )
