"""Trains a model from data to a model directory."""

import numbers
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import left_out_message
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_batches import PairBatches
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trainable import require_trainable
from o2v_keras.training.advice import row_sparse_advice
from o2v_keras.training.distribution import make_strategy
from o2v_keras.training.fitting import fit
from o2v_keras.training.memory import estimate_memory
from o2v_keras.training.memory import require_memory
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.report import format_report
from o2v_keras.training.report import make_report

# More brings nothing measurable (benchmarks/README.md), and callbacks wait.
_STEPS_PER_EXECUTION = 10


class TrainingResult(NamedTuple):
    """What `train` returns.

    Args:
        model: `Object2Vec` with the best epoch's weights.
        history: `keras.callbacks.History` of all epochs, those before a
            resume among them.
        report: The content of `metrics.json`.
    """

    model: Object2Vec
    history: keras.callbacks.History
    report: dict


def train(
    config: Object2VecConfig | Mapping | str | os.PathLike,
    train: Source,
    validation: Source | None = None,
    test: Source | None = None,
    *,
    model_dir: str | os.PathLike,
    replicas: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    initial_model: str | os.PathLike | None = None,
    checkpoint_minutes: float | None = None,
    steps_per_execution: int | None = None,
    deterministic: bool = False,
    skip_bad_rows: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 1,
) -> TrainingResult:
    """Trains with `model.fit`, stops early, keeps and scores the best epoch.

    The model directory receives `model.keras`, `config.json` (every value in
    force), `metrics.json`, `history.csv` (a line an epoch), `checkpoint.zip`
    and TensorBoard's `logs/`. A run killed at any moment goes on from its
    checkpoint with `resume=True` and ends as if it had never been killed.

    Args:
        config: `Object2VecConfig`, or SageMaker's hyperparameters as a
            mapping or the path of a JSON file.
        train: Training data: path or glob of JSON Lines or Parquet files, a
            list of them, a mapping with `in0`, `in1` and `label`, or a
            `PairTable`.
        validation: Scored after every epoch; drives early stopping.
            Defaults to `None`: the training loss drives it.
        test: Scored once with the best weights. Defaults to `None`.
        model_dir: Folder for what training leaves.
        replicas: Devices that share each batch. Defaults to `None`: all GPUs
            or the CPU.
        resume: Go on from the checkpoint in `model_dir`, if there is one.
            Defaults to `False`.
        overwrite: Train anew in a folder that already holds a training.
            Defaults to `False`.
        initial_model: Model directory or `.keras` file whose weights to
            start from. Defaults to `None`.
        checkpoint_minutes: Also write a checkpoint within an epoch, this
            often. Defaults to `None`: after each epoch.
        steps_per_execution: Steps that TensorFlow takes before callbacks are
            called again (and a checkpoint within an epoch can be written).
            They are the same steps, without Python in between. Defaults to
            `None`: 10 on one device, 1 on several, where Keras knows no more.
        deterministic: Use only TensorFlow operations that give the same bits
            in every run, which may be slower. It holds for the rest of the
            process. Defaults to `False`.
        skip_bad_rows: Leave rows with errors out, and write them with their
            reasons to `rejected_rows.<channel>.jsonl`. Defaults to `False`.
        callbacks: Keras callbacks of your own, called after ours. Defaults to
            `()`.
        verbose: 0 or 1. Defaults to `1`.

    Returns:
        `TrainingResult(model, history, report)`.

    Raises:
        ValueError: If arguments, hyperparameters or data are unusable, or
            the loss becomes NaN or infinite.
        MemoryError: If the machine cannot hold the training.
        FileExistsError: If `model_dir` holds a training and neither `resume`
            nor `overwrite` is set.
    """
    if not isinstance(config, Object2VecConfig):
        config = Object2VecConfig.from_hyperparameters(config)
    require_trainable(config)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(config.seed)
    strategy = make_strategy(replicas, config.mini_batch_size)
    replicas = strategy.num_replicas_in_sync
    directory = ModelDirectory(model_dir)
    _refuse_used(directory, resume, overwrite)
    _refuse_bad_minutes(checkpoint_minutes)
    steps_per_execution = _steps_per_execution(steps_per_execution, replicas)
    say = print if verbose else _say_nothing

    sources = {"train": train, "validation": validation, "test": test}
    tables = _load_tables(sources, config, directory, skip_bad_rows)
    directory.make()
    estimate = estimate_memory(config, replicas)
    say(estimate)
    require_memory(estimate, directory.path)

    with strategy.scope():
        model = Object2Vec(config)
    resuming = resume and directory.checkpoint.exists()
    if resume and not resuming:
        say(f"No checkpoint in {directory.path}: training from the start.")
    if initial_model is not None and not resuming:
        _start_from(model, initial_model)
    if overwrite and not resuming:
        directory.clear()
    batches = {
        name: PairBatches(table, config, name == "train", replicas)
        for name, table in tables.items()
    }
    left_out = batches["train"].left_out_negatives(epoch=0)
    if left_out:
        say(left_out_message(left_out))

    advice = row_sparse_advice(config, batches["train"].num_batches)
    if advice:
        say(advice)

    history, early_stopping = fit(
        model,
        batches,
        directory,
        identity=_identity(config, tables),
        resume=resuming,
        checkpoint_minutes=checkpoint_minutes,
        steps_per_execution=steps_per_execution,
        callbacks=callbacks,
        verbose=verbose,
    )
    report = make_report(
        history.epochs,
        early_stopping.best_epoch,
        test=_score_test(model, batches),
        baselines={
            name: baselines(table, config, tables["train"])
            for name, table in tables.items()
            if name != "train"
        },
    )
    directory.write_model(model)
    directory.write_metrics(report)
    say(format_report(report))
    say(f"model directory: {directory.path}")
    return TrainingResult(model, history.as_keras_history(), report)


def _refuse_used(directory, resume, overwrite):
    if resume and overwrite:
        raise ValueError(
            "`resume` and `overwrite` must not be given both: one goes on "
            "with a training, the other replaces it."
        )
    if directory.is_used and not (resume or overwrite):
        raise FileExistsError(
            f"{directory.path} already holds a training. Go on with it "
            "(`--resume`, `resume=True`), replace it (`--overwrite`, "
            "`overwrite=True`) or name another `model_dir`."
        )


def _refuse_bad_minutes(minutes):
    is_number = isinstance(minutes, numbers.Real)
    if minutes is not None and not (is_number and minutes >= 0):
        raise ValueError(
            "`checkpoint_minutes` must be a number of at least 0. "
            f"Received: checkpoint_minutes={minutes!r}"
        )


def _steps_per_execution(steps, replicas):
    if steps is None:
        return 1 if replicas > 1 else _STEPS_PER_EXECUTION
    is_integer = isinstance(steps, int) and not isinstance(steps, bool)
    if not is_integer or steps < 1 or (steps > 1 and replicas > 1):
        raise ValueError(
            "`steps_per_execution` must be an integer of at least 1, and 1 on "
            "several replicas, where Keras cannot take steps together. "
            f"Received: steps_per_execution={steps!r}, replicas={replicas}"
        )
    return steps


def _load_tables(sources, config, directory, skip_bad_rows):
    if skip_bad_rows:
        directory.make()
    return {
        name: load_pairs(
            source,
            config,
            training=name == "train",
            rejected_rows_file=(
                directory.rejected_rows(name) if skip_bad_rows else None
            ),
        )
        for name, source in sources.items()
        if source is not None
    }


def _start_from(model, initial_model):
    weights = load_model(initial_model).get_weights()
    try:
        model.set_weights(weights)
    except ValueError as error:
        raise ValueError(
            "`initial_model` must have been made with the same "
            "hyperparameters for encoders, comparator, MLP and head. "
            f"Received: initial_model={os.fspath(initial_model)!r}: {error}"
        ) from None


def _identity(config, tables):
    """What a resumed run must have in common with the killed one."""
    values = config.to_dict()
    # A run may be resumed for more epochs than it was meant to have.
    del values["epochs"]
    return {
        "hyperparameters": values,
        "data": {name: table.fingerprint() for name, table in tables.items()},
    }


def _score_test(model, batches):
    if "test" not in batches:
        return {}
    dataset = batches["test"].dataset()
    return model.evaluate(dataset, return_dict=True, verbose=0)


def _say_nothing(*_):
    pass
