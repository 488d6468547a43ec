"""Plays the epochs of a training through `model.fit`."""

from collections.abc import Sequence

import keras

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.models.learning_rate_plan import plan_learning_rate
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.agreement import require_agreement
from o2v_keras.training.checkpoint import read_whole_checkpoint
from o2v_keras.training.checkpointing import Checkpointing
from o2v_keras.training.early_stopping import EarlyStopping
from o2v_keras.training.epoch_history import EpochHistory
from o2v_keras.training.epoch_metrics import EpochMetrics
from o2v_keras.training.epoch_setter import EpochSetter
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.negative_mining import NegativeMining
from o2v_keras.training.non_finite_loss import StopOnNonFiniteLoss
from o2v_keras.training.progress import TrainingProgress
from o2v_keras.training.worker import Worker

# Data that change nothing in the training.
_SCORED_ONLY = ("test",)


def fit(
    model: Object2Vec,
    batches: dict[str, PairBatches],
    directory: ModelDirectory,
    worker: Worker,
    identity: dict,
    resume: bool,
    checkpoint_minutes: float | None,
    steps_per_execution: int,
    callbacks: Sequence[keras.callbacks.Callback],
    monitor: str | None,
    monitor_mode: str,
    verbose: int,
) -> tuple[EpochHistory, EarlyStopping]:
    """Fits until the last epoch or the early stop; best weights remain.

    Args:
        model: The compiled model, made under its strategy.
        batches: `train`, and `validation` where there is one.
        directory: Receives configuration, history, checkpoints and
            TensorBoard logs.
        worker: This process; only the chief writes.
        identity: What a resumed run must have in common with the killed one.
        resume: Whether to go on from the directory's checkpoint.
        checkpoint_minutes: As in `train`.
        steps_per_execution: Steps between two looks of the callbacks.
        callbacks: As in `train`.
        monitor: As in `train`.
        monitor_mode: As in `train`.
        verbose: 0 or 1.

    Returns:
        The history of all epochs and the callback that knows the best one.

    Raises:
        ValueError: If the checkpoint is of another training, or the workers
            would not train the same.
    """
    config = model.config
    train = batches["train"]
    if monitor is None and "validation" not in batches and verbose:
        print("No validation data: early stopping watches the training loss.")
    watched = monitor or ("val_loss" if "validation" in batches else "loss")
    early_stopping = EarlyStopping(
        watched,
        config.early_stopping_patience,
        config.tolerance_of(watched),
        verbose,
        directory.best_weights,
        monitor_mode,
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
        checkpoint_minutes,
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
    before += [c for c in callbacks if isinstance(c, EpochMetrics)]
    after = [history, checkpointing]
    if worker.is_chief:
        after.append(
            keras.callbacks.TensorBoard(directory.logs, write_graph=False)
        )
    if verbose:
        # Its line ends before early stopping says something.
        before.append(progress)
    after += [c for c in callbacks if not isinstance(c, EpochMetrics)]
    for callback in (early_stopping, checkpointing):
        callback.set_model(model)

    epoch, batch = 0, 0
    if resume:
        checkpoint, reason = read_whole_checkpoint(
            directory.checkpoint,
            directory.earlier_checkpoint,
            directory.best_weights,
        )
        if reason and verbose:
            print(f"{reason} Going on from {checkpoint.path}.")
        _require_same(checkpoint.state["identity"], identity)
        epoch, batch = checkpoint.epoch, checkpoint.batch
    require_agreement(
        model.distribute_strategy,
        worker,
        {**identity, "checkpoint": [resume, epoch, batch]},
    )
    if resume:
        checkpointing.resume(checkpoint, train)
        if mining is not None:
            mining.resume(epoch, batch)
        if verbose:
            print(f"Resuming at epoch {epoch}, batch {batch}.")
    if worker.is_chief:
        directory.write_config(config)
    model.steps_per_execution = steps_per_execution
    steps = config.epochs * train.num_batches
    if config.warmup_steps >= steps and verbose:
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
