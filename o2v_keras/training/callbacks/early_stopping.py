"""Stops a training without progress or with a loss that is not finite."""

import math
from typing import Any

import keras
import numpy as np

from o2v_keras.training.weight_files import BestWeightsInMemory


class EarlyStopping(keras.callbacks.Callback):
    """Stops by SageMaker's rule and restores the best weights.

    From epoch `patience` on, an epoch is bad unless its loss is more than
    `tolerance` (an absolute difference) below the smallest loss of the last
    `patience` epochs. (Not of all epochs, so a slowly improving run stops
    too.) Training stops when more than `patience` epochs in a row are bad,
    after `2 * patience + 1` epochs at the earliest. When training ends for
    any reason, the weights of the epoch with the smallest loss are restored.

    Args:
        monitor: str. Key in the logs. `None` never stops and keeps the last
            epoch's weights. Defaults to `"val_loss"`.
        patience: int, at least 1. Defaults to `3`.
        tolerance: float, at least 0. Defaults to `0.01`.
        verbose: 0 or 1. Whether to print bad epochs and the stop. Defaults
            to `0`.
        best_weights: `BestWeightsFiles` for the best epoch's weights.
            Defaults to `None`: in memory.
        mode: `"min"` or `"max"`: whether smaller or larger is better. With
            `"max"` the rule uses the negative of `monitor`. Defaults to
            `"min"`.

    Attributes:
        best_epoch: int, counted from 0, or `None` before the first epoch.
        best_loss: float.
        stopped: bool. Whether the rule has stopped training.

    Raises:
        ValueError: If an argument breaks its rule, or the logs lack
            `monitor`.

    Example:
    >>> callback = EarlyStopping("loss", patience=2, tolerance=0.01)

    Reference:
    - Reconstructed from the container's training logs, whose stop epochs it
      reproduces.
    """

    def __init__(
        self,
        monitor: str | None = "val_loss",
        patience: int = 3,
        tolerance: float = 0.01,
        verbose: int = 0,
        best_weights: Any = None,
        mode: str = "min",
    ):
        super().__init__()
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(
                "`patience` must be an integer of at least 1. "
                f"Received: patience={patience!r}"
            )
        if not tolerance >= 0:
            raise ValueError(
                "`tolerance` must be at least 0. "
                f"Received: tolerance={tolerance!r}"
            )
        if mode not in ("min", "max"):
            raise ValueError(
                f'`mode` must be "min" or "max". Received: mode={mode!r}'
            )
        self.monitor = monitor
        self.patience = patience
        self.tolerance = tolerance
        self.verbose = verbose
        self._sign = {"min": 1, "max": -1}[mode]
        self._best_weights = best_weights or BestWeightsInMemory()
        self._resumed = False
        self._reset()

    def on_train_begin(self, logs: Any = None) -> None:
        if not self._resumed:
            self._reset()
        self._resumed = False

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor is None:
            self.best_epoch, self.best_loss = epoch, float(logs["loss"])
            self._best_weights.keep(self.model, epoch)
            return
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"`monitor` must be one of {', '.join(logs or {})}. "
                f"Received: monitor={self.monitor!r}"
            )
        loss = self._sign * float(logs[self.monitor])
        if self.best_epoch is None or loss < self.best_loss:
            self.best_epoch, self.best_loss = epoch, loss
            self._best_weights.keep(self.model, epoch)
        if len(self._losses) >= self.patience:
            self._judge(epoch, loss)
        self._losses.append(loss)

    def on_train_end(self, logs: Any = None) -> None:
        if self.best_epoch is not None:
            self._best_weights.restore(self.model, self.best_epoch)

    def get_state(self) -> dict[str, Any]:
        """Returns the state for `resume`, without weights, as JSON types."""
        return {
            "losses": list(self._losses),
            "bad_epochs": self._bad_epochs,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "stopped": self.stopped,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Restores the state from which the next training continues.

        `best_weights` still holds the best weights.

        Args:
            state: dict from `get_state`.
        """
        self._losses = list(state["losses"])
        self._bad_epochs = state["bad_epochs"]
        self.best_epoch = state["best_epoch"]
        self.best_loss = state["best_loss"]
        self.stopped = state["stopped"]
        self._resumed = True

    def _reset(self):
        self._losses = []
        self._bad_epochs = 0
        self.best_epoch: Any = None
        self.best_loss: float = float("inf")
        self.stopped: bool = False

    def _judge(self, epoch, loss):
        if np.min(self._losses[-self.patience :]) - loss > self.tolerance:
            self._bad_epochs = 0
            return
        self._bad_epochs += 1
        self._say(
            f"epoch {epoch}: {self.monitor} has not improved by more than "
            f"{self.tolerance:g} within {self.patience} epochs. Bad epochs in "
            f"a row: {self._bad_epochs} (more than {self.patience} stop)"
        )
        if self._bad_epochs > self.patience:
            self._say(
                f"Early stopping after epoch {epoch}. Best epoch: "
                f"{self.best_epoch}, "
                f"{self.monitor}={self._sign * self.best_loss:.4g}"
            )
            self.stopped = True
            self.model.stop_training = True

    def _say(self, text):
        if self.verbose:
            print(text)


class NonFiniteLossError(ValueError):
    """The loss or a weight became NaN or infinite."""


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises `NonFiniteLossError` at the first loss that is NaN or infinite.

    At the end of an epoch it looks at the weights, too, which the last step
    may have broken.

    Add it before the callbacks that write files: the last good checkpoint
    and history then remain.

    Args:
        learning_rate: float. For the error message.

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
        for weight in self.model.trainable_weights:
            # A sum needs no copy of a table.
            total = float(keras.ops.sum(weight))
            if not math.isfinite(total):
                raise NonFiniteLossError(
                    f"The weight {weight.path} became {total} in the last "
                    f"step of epoch {epoch}, though its loss is finite. Try "
                    "a smaller learning_rate than "
                    f"{self.learning_rate:g}. In a layer of your own, look "
                    "for a gradient that is infinite, such as that of a norm "
                    "at 0. The last good checkpoint, if an epoch has ended, "
                    "is still in the model directory."
                )

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
