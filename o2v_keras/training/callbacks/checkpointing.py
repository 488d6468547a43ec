"""Writes checkpoints in training, and resumes from them."""

import pathlib
import time
from typing import Any

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.models.averaged_weights import AveragedWeights
from o2v_keras.training.callbacks.early_stopping import EarlyStopping
from o2v_keras.training.callbacks.history import EpochHistory
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.checkpoint import write_checkpoint
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import broadcast_from_chief
from o2v_keras.training.weight_files import BestWeightsFiles


class Checkpointing(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch and, if asked, within epochs.

    Add it after the callbacks whose state it saves.

    Args:
        path: The checkpoint file.
        earlier: The file of the previous checkpoint, in case the last one is
            damaged.
        identity: JSON dict of hyperparameters, options and fingerprints of
            data. It is saved, and must be equal in a resumed run.
        early_stopping: `EarlyStopping` of this training.
        history: `EpochHistory` of this training.
        best_weights: `BestWeightsFiles` of this training; files that no
            checkpoint needs are removed.
        averages: `AveragedWeights` of this training. A checkpoint holds the
            weights that are trained, and the averages as variables of the
            optimizer.
        minutes: Minutes between checkpoints within an epoch. Defaults to
            `None`: only at the end of epochs.
        worker: This process. The chief writes, by its clock; the other
            workers take part in gathering metrics. Defaults to a single
            worker.
    """

    def __init__(
        self,
        path: pathlib.Path,
        earlier: pathlib.Path,
        identity: dict[str, Any],
        early_stopping: EarlyStopping,
        history: EpochHistory,
        best_weights: BestWeightsFiles,
        averages: AveragedWeights,
        minutes: float | None = None,
        worker: Worker | None = None,
    ):
        super().__init__()
        self._path = path
        self._earlier = earlier
        self._identity = identity
        self._early_stopping = early_stopping
        self._history = history
        self._best_weights = best_weights
        self._averages = averages
        self._minutes: Any = minutes
        self._worker = worker or Worker()
        self._first_batch = 0
        self._metrics_of = None
        self._written_best = None
        self._last_is_whole = True

    def resume(self, checkpoint: Checkpoint, touch: PairBatches):
        """Restores a checkpoint, from which the next `fit` continues.

        Args:
            checkpoint: `Checkpoint` of this training.
            touch: `PairBatches`; one batch is evaluated to build the metrics'
                variables, as Keras builds them at the first batch.
        """
        model = self.model
        checkpoint.assign("model", model.variables)
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        checkpoint.assign("optimizer", model.optimizer.variables)
        self._early_stopping.resume(checkpoint.state["early_stopping"])
        self._written_best = self._early_stopping.best_epoch
        self._last_is_whole = checkpoint.path == self._path
        self._history.resume(checkpoint.state["history"])
        if checkpoint.batch:
            model.evaluate(touch.dataset().take(1), verbose=0)
            self._metrics_of = checkpoint
            self._first_batch = checkpoint.batch

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._written = time.monotonic()
        if self._metrics_of is not None:
            variables = self.model.metrics_variables
            self._metrics_of.assign("metrics", variables)
            self._metrics_of = None

    def on_train_batch_end(self, batch, logs=None):
        # None after the last batch: Keras cannot fit an epoch without batches,
        # and `on_epoch_end` writes one. With several steps per execution,
        # `batch` can exceed the last batch's number.
        if self._minutes is None or batch + 1 >= self.params["steps"]:
            return
        if self._is_due():
            done = self._first_batch + batch + 1
            metrics = self.model.metrics_variables
            self._write(self._epoch, done, metrics)
            self._written = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self._first_batch = 0
        self._write(epoch + 1, 0, [])

    def _is_due(self):
        due = time.monotonic() - self._written >= 60 * self._minutes
        strategy = self.model.distribute_strategy
        return broadcast_from_chief(strategy, self._worker, due)

    def _write(self, epoch, batch, metrics):
        # Reading a metric sums it over all workers, so all must read it.
        metrics = [keras.ops.convert_to_numpy(value) for value in metrics]
        if not self._worker.is_chief:
            return
        state = {
            "identity": self._identity,
            "early_stopping": self._early_stopping.get_state(),
            "history": self._history.epochs,
        }
        with self._averages.set_aside():
            write_checkpoint(
                self._path,
                epoch,
                batch,
                state,
                model=self.model.variables,
                optimizer=self.model.optimizer.variables,
                metrics=metrics,
                # A damaged checkpoint must not replace the earlier one, from
                # which this run resumed.
                earlier=self._earlier if self._last_is_whole else None,
            )
        best = self._early_stopping.best_epoch
        self._best_weights.forget_others(best, self._written_best)
        self._written_best, self._last_is_whole = best, True
