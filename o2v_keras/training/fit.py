"""Plays the epochs of a training through `model.fit`."""

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.optimizer_factory import plan_learning_rate
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

# Data that change nothing in the training.
_SCORED_ONLY = ("test",)


def fit(
    model: Object2Vec,
    batches: dict[str, PairBatches],
    directory: ModelDirectory,
    worker: Worker,
    identity: dict,
    options: TrainingOptions,
) -> tuple[EpochHistory, EarlyStopping]:
    """Fits until the last epoch or the early stop; best weights remain.

    Args:
        model: The compiled model, made under its strategy.
        batches: `train`, and `validation` where there is one.
        directory: Receives configuration, history, checkpoints and
            TensorBoard logs.
        worker: This process; only the chief writes.
        identity: What a resumed run must have in common with the killed one.
        options: `TrainingOptions`; with `resume` the directory has a
            checkpoint.

    Returns:
        The history of all epochs and the callback that knows the best one.

    Raises:
        ValueError: If the checkpoint is of another training, or the workers
            would not train the same.
    """
    config = model.config
    train = batches["train"]
    if (
        options.monitor is None
        and "validation" not in batches
        and options.verbose
    ):
        print("No validation data: early stopping watches the training loss.")
    watched = options.monitor or (
        "val_loss" if "validation" in batches else "loss"
    )
    early_stopping = EarlyStopping(
        watched,
        config.early_stopping_patience,
        config.tolerance_of(watched),
        options.verbose,
        directory.best_weights,
        options.monitor_mode,
    )
    history = EpochHistory(
        directory.history if worker.is_chief else None,
        train.num_rows / train.num_batches,
    )
    checkpointing = Checkpointing(
        directory.checkpoint,
        directory.earlier_checkpoint,
        identity,
        early_stopping,
        history,
        directory.best_weights,
        options.checkpoint_minutes,
        worker,
    )
    progress = TrainingProgress(config.mini_batch_size)
    # Those that write come after the one that refuses bad losses, and the
    # checkpoint after those whose state it saves.
    before = [EpochSetter(train), StopOnNonFiniteLoss(config.learning_rate)]
    mining = None
    if train.mined is not None:
        mining = NegativeMining(
            train,
            config,
            directory.mined_negatives,
            directory.earlier_mined_negatives,
        )
        before.append(mining)
    # Those that add to the logs come before those that read them.
    before += [c for c in options.callbacks if isinstance(c, EpochMetrics)]
    after = [history, checkpointing]
    if worker.is_chief:
        after.append(
            keras.callbacks.TensorBoard(directory.logs, write_graph=False)
        )
    if options.verbose:
        # Its line ends before early stopping says something.
        before.append(progress)
    after += [c for c in options.callbacks if not isinstance(c, EpochMetrics)]
    for callback in (early_stopping, checkpointing):
        callback.set_model(model)

    epoch, batch = 0, 0
    if options.resume:
        checkpoint, reason = read_whole_checkpoint(
            directory.checkpoint,
            directory.earlier_checkpoint,
            directory.best_weights,
        )
        if reason and options.verbose:
            print(f"{reason} Going on from {checkpoint.path}.")
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
        if options.verbose:
            print(f"Resuming at epoch {epoch}, batch {batch}.")
    if worker.is_chief:
        directory.write_config(config)
    model.steps_per_execution = options.steps_on(
        model.distribute_strategy.num_replicas_in_sync
    )
    steps = config.epochs * train.num_batches
    if config.warmup_steps >= steps and options.verbose:
        print(
            f"warmup_steps={config.warmup_steps:,} is no less than the "
            f"{steps:,} steps of this training: learning_rate is not reached."
        )
    # Of the whole training: `fit` may see the rest of an epoch alone.
    plan_learning_rate(model.optimizer, steps)
    validation = batches.get("validation")

    def play(dataset, first, last, stopper):
        played = [*before, stopper, *after]
        try:
            model.fit(
                dataset,
                initial_epoch=first,
                epochs=last,
                validation_data=validation and validation.dataset(),
                callbacks=played,
                shuffle=False,
                verbose=0,
            )
        finally:
            for callback in played:
                if isinstance(callback, TrainingProgress):
                    callback.close()

    if batch:
        # The rest of a begun epoch is a fit of its own, at whose end the
        # best weights must not come back yet.
        progress.resume(batch)
        rest = train.dataset().skip(batch)
        play(rest, epoch, epoch + 1, _epoch_ends_only(early_stopping))
        epoch += 1
    if epoch < config.epochs and not early_stopping.stopped:
        play(train.dataset(), epoch, config.epochs, early_stopping)
    else:
        early_stopping.on_train_end()
    return history, early_stopping


def _epoch_ends_only(callback):
    return keras.callbacks.LambdaCallback(on_epoch_end=callback.on_epoch_end)


def _require_same(saved, current):
    for what, values in current.items():
        old = saved.get(what, {})
        # What is scored once, after training, may change or be left out.
        differing = [
            name
            for name in {**old, **values}
            if old.get(name) != values.get(name) and name not in _SCORED_ONLY
        ]
        if differing:
            raise ValueError(
                f"`resume` must go on with the same {what}; these differ "
                f"from the checkpoint's: {', '.join(differing)}. Train anew "
                f"in another model directory, or with `overwrite`, to use "
                f"the new ones."
            )
