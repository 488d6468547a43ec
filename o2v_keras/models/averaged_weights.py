"""Puts averaged weights into a model for validation and at an epoch's end."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from o2v_keras.optimizers import WeightAveraging


class AveragedWeights(keras.callbacks.Callback):
    """Lets an epoch end with the averages of its optimizer in the model.

    Validation scores them, and callbacks that follow see them in
    `on_epoch_end`. The next epoch begins with the weights that are trained.
    Nothing happens without an optimizer that averages.

    `Object2Vec.fit` adds one, unless its callbacks hold one: then the caller
    calls `finish`, after the last of several calls of `fit`.

    Example:
    >>> callback = AveragedWeights()
    >>> callback.set_model(keras.Sequential())
    >>> callback.on_epoch_begin(0)
    """

    def __init__(self):
        super().__init__()
        self._shown = False

    def on_epoch_begin(self, epoch, logs=None):
        self._show(False)

    def on_test_begin(self, logs=None):
        self._show(True)

    def on_epoch_end(self, epoch, logs=None):
        self._show(True)

    def finish(self) -> None:
        """Makes the model's weights the averages from which to go on."""
        for optimizer in self._optimizers():
            optimizer.restart_averages()
        self._shown = False

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[None]:
        """Puts the weights that are trained into the model for a block."""
        shown = self._shown
        self._show(False)
        try:
            yield
        finally:
            self._show(shown, settle=False)

    def _show(self, shown, settle=True):
        if shown == self._shown:
            return
        for optimizer in self._optimizers():
            if shown and settle:
                optimizer.settle_averages()
            optimizer.swap_averages()
        self._shown = shown

    def _optimizers(self):
        optimizer = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        return [optimizer] if isinstance(optimizer, WeightAveraging) else []


@contextlib.contextmanager
def averages_shown(
    model: keras.Model, arguments: dict[str, Any]
) -> Iterator[None]:
    """Adds `AveragedWeights` to the arguments of `fit`, which the block calls.

    Args:
        model: `Object2Vec`; without averages nothing is added.
        arguments: Arguments by name. If the callbacks hold `AveragedWeights`,
            these stay as they are.
    """
    given = arguments.get("callbacks") or []
    if model.config.weight_averaging == "none" or any(
        isinstance(callback, AveragedWeights)
        for callback in keras.tree.flatten(given)
    ):
        yield
        return
    averages = AveragedWeights()
    arguments["callbacks"] = [averages, given]
    yield
    averages.finish()
