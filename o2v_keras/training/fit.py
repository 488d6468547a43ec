"""Runs the epochs of a training by `model.fit`."""

from typing import Any

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.models.averaged_weights import AveragedWeights
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.optimizer_factory import plan_steps
from o2v_keras.training.callbacks.checkpointing import Checkpointing
from o2v_keras.training.callbacks.early_stopping import EarlyStopping
from o2v_keras.training.callbacks.early_stopping import StopOnNonFiniteLoss
from o2v_keras.training.callbacks.history import EpochHistory
from o2v_keras.training.callbacks.history import EpochSetter
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.checkpoint import read_whole_checkpoint
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import require_agreement
from o2v_keras.training.mining import NegativeMining
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.options import TrainingOptions
from o2v_keras.training.progress import TrainingProgress

# Channels that may change in a resumed run: they do not affect training.
_SCORED_ONLY = ("test",)


def fit(
    model: Object2Vec,
    batches: dict[str, PairBatches],
    directory: ModelDirectory,
    worker: Worker,
    identity: dict[str, Any],
    options: TrainingOptions,
) -> tuple[EpochHistory, EarlyStopping]:
    """Fits until the last epoch or the early stop; restores the best weights.

    Args:
        model: The compiled model, made under its strategy.
        batches: `train`, and optionally `validation`.
        directory: `ModelDirectory` for configuration, history, checkpoints
            and TensorBoard logs.
        worker: This process; only the chief writes.
        identity: JSON dict of hyperparameters, options and fingerprints of
            data, which must be equal in a resumed run and on all workers.
        options: `TrainingOptions`; `resume` requires a checkpoint.

    Returns:
        The `EpochHistory` of all epochs, and the `EarlyStopping`, which has
        the best epoch.

    Raises:
        ValueError: If the checkpoint is of another training, or workers
            differ.
    """
    config = model.config
    train = batches["train"]
    monitor = options.monitor
    epochs = config.epochs
    if options.chooser is not None:
        monitor, epochs = None, options.chooser["best_epoch"] + 1
    elif monitor is None and "validation" in batches:
        monitor = "val_loss"
    elif monitor is None and config.token_embedding_kl:
        # The loss of samples rises while training finds their variances.
        options.say(
            "No validation data: no early stopping, and the last epoch is "
            "kept, as the training loss of samples says little."
        )
    elif monitor is None:
        monitor = "loss"
        options.say("No validation data: early stopping uses training loss.")
    early_stopping = EarlyStopping(
        monitor,
        config.early_stopping_patience,
        config.tolerance_of(monitor) if monitor else 0.0,
        options.verbose,
        directory.best_weights,
        options.monitor_mode,
    )
    history = EpochHistory(
        directory.history if worker.is_chief else None,
        train.num_rows / train.num_batches,
    )
    averages = AveragedWeights()
    checkpointing = Checkpointing(
        directory.checkpoint,
        directory.earlier_checkpoint,
        identity,
        early_stopping,
        history,
        directory.best_weights,
        averages,
        options.checkpoint_minutes,
        worker,
    )
    progress = TrainingProgress(config.mini_batch_size)
    # Callbacks that write follow the check of the loss, and checkpointing
    # follows those whose state it saves.
    before = [
        EpochSetter(train),
        averages,
        StopOnNonFiniteLoss(config.learning_rate),
    ]
    mining = None
    if train.mined is not None:
        mining = NegativeMining(
            train,
            config,
            directory.mined_negatives,
            directory.earlier_mined_negatives,
        )
        before.append(mining)
    # Callbacks that add to the logs come before those that read them.
    if options.chooser is None:
        before += [c for c in options.callbacks if isinstance(c, EpochMetrics)]
    after = [history, checkpointing]
    if worker.is_chief:
        after.append(
            keras.callbacks.TensorBoard(directory.logs, write_graph=False)
        )
    if options.verbose:
        # Its line must end before early stopping prints.
        before.append(progress)
    after += [c for c in options.callbacks if not isinstance(c, EpochMetrics)]
    for callback in (averages, early_stopping, checkpointing):
        callback.set_model(model)

    epoch, batch = 0, 0
    if options.resume:
        checkpoint, reason = read_whole_checkpoint(
            directory.checkpoint,
            directory.earlier_checkpoint,
            directory.best_weights,
        )
        if reason:
            options.say(f"{reason} Resuming from {checkpoint.path}.")
        _require_same(checkpoint.state["identity"], identity)
        epoch, batch = checkpoint.epoch, checkpoint.batch
    require_agreement(
        model.distribute_strategy,
        worker,
        {**identity, "checkpoint": [options.resume, epoch, batch]},
    )
    if options.resume:
        checkpointing.resume(checkpoint, train)
        if mining is not None:
            mining.resume(epoch, batch)
        if early_stopping.stopped or epoch >= epochs:
            options.say(f"Resuming: all of its {epoch} epochs have ended.")
        else:
            options.say(f"Resuming at epoch {epoch}, batch {batch}.")
    if worker.is_chief:
        directory.write_config(config)
    model.steps_per_execution = options.steps_on(
        model.distribute_strategy.num_replicas_in_sync
    )
    steps = config.epochs * train.num_batches
    if config.warmup_steps >= steps:
        options.say(
            f"warmup_steps={config.warmup_steps:,} is no less than the "
            f"{steps:,} steps of this training: learning_rate is not reached."
        )
    # Set here: the first `fit` of a resumed run may have a part of an epoch.
    plan_steps(model.optimizer, config, train.num_batches)
    validation = batches.get("validation")

    def run(dataset, first, last, stopper):
        used = [*before, stopper, *after]
        try:
            model.fit(
                dataset,
                initial_epoch=first,
                epochs=last,
                validation_data=validation and validation.dataset(),
                callbacks=used,
                shuffle=False,
                verbose=0,
            )
        finally:
            for callback in used:
                if isinstance(callback, TrainingProgress):
                    callback.close()

    if batch:
        # The rest of an epoch is a separate fit, whose end must not restore
        # the best weights.
        progress.resume(batch)
        rest = train.dataset().skip(batch)
        run(rest, epoch, epoch + 1, _epoch_ends_only(early_stopping))
        epoch += 1
    if epoch < epochs and not early_stopping.stopped:
        run(train.dataset(), epoch, epochs, early_stopping)
    else:
        early_stopping.on_train_end()
    averages.finish()
    return history, early_stopping


def _epoch_ends_only(callback):
    return keras.callbacks.LambdaCallback(on_epoch_end=callback.on_epoch_end)


def _require_same(saved, current):
    for what, values in current.items():
        old = saved.get(what, {})
        differing = [
            name
            for name in {**old, **values}
            if old.get(name) != values.get(name) and name not in _SCORED_ONLY
        ]
        if differing:
            raise ValueError(
                f"`resume` must continue with the same {what}; these differ "
                f"from the checkpoint's: {', '.join(differing)}. To use the "
                f"new ones, train in another model directory or with "
                f"`overwrite`."
            )
