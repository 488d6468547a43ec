"""Gives a training new hard negatives every few epochs."""

import pathlib

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.training.array_file import ArrayFile
from o2v_keras.training.array_file import write_arrays
from o2v_keras.training.negative_miner import NegativeMiner


class NegativeMining(keras.callbacks.Callback):
    """Mines negatives as epoch 0 begins, and then every `mining_epochs`.

    What was found is kept in a file until the next search: a run that is
    resumed between two searches has no longer the weights that it was found
    by. Comes after the callback that sets the batches' epoch.

    Args:
        batches: `PairBatches` of the training data.
        config: `Object2VecConfig` with `mined_negatives`.
        path: The file.
        earlier: What the search before found, which a checkpoint of that time
            needs.
    """

    def __init__(
        self,
        batches: PairBatches,
        config: Object2VecConfig,
        path: pathlib.Path,
        earlier: pathlib.Path,
    ):
        super().__init__()
        self._batches = batches
        self._config = config
        self._path = path
        self._earlier = earlier
        self._miner = None
        self._resumed = None

    def resume(self, epoch: int, batch: int):
        """Puts back what was found for an epoch that goes on from a batch."""
        searched = epoch - epoch % self._config.mining_epochs
        if (epoch, batch) == (searched, 0):
            return  # the search is yet to come
        files = [
            ArrayFile(path)
            for path in (self._path, self._earlier)
            if path.exists()
        ]
        files = [file for file in files if file.header["epoch"] == searched]
        if not files:
            raise ValueError(
                f"`resume` needs the negatives mined before epoch {searched}, "
                f"which {self._path} does not hold. Train anew with "
                "`overwrite`."
            )
        (found,) = files[0].arrays("rows")
        self._batches.set_mined(found)
        self._resumed = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self._config.mining_epochs or epoch == self._resumed:
            return
        if self._miner is None:
            self._miner = NegativeMiner(
                self.model,
                self._batches.source,
                self._batches.mined,
                self._config.mined_negatives,
            )
        found = self._miner()
        write_arrays(self._path, {"epoch": epoch}, self._earlier, rows=[found])
        self._batches.set_mined(found)
