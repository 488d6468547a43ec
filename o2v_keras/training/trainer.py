"""Trains a model from data to a model directory."""

import contextlib
import functools
import numbers
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.check.report import weight_notice
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import left_out_message
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.evaluation.evaluate import evaluate_batches
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.models.head import UPSIDE_DOWN
from o2v_keras.models.head import similarity_sign
from o2v_keras.models.new_ids import train_again
from o2v_keras.models.new_ids import train_new_ids_only
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.vector_sources import vector_sources
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.training.advice import row_sparse_advice
from o2v_keras.training.agreement import require_agreement
from o2v_keras.training.agreement import tell_all
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.channels import load_channels
from o2v_keras.training.distribution import adapt_to_workers
from o2v_keras.training.distribution import make_strategy
from o2v_keras.training.fitting import fit
from o2v_keras.training.in_batch_limits import refuse_unfit
from o2v_keras.training.learnable import negatives_drawn
from o2v_keras.training.learnable import refuse_nothing_to_learn
from o2v_keras.training.learnable import unknown_ids
from o2v_keras.training.lost_worker import lost_workers_named
from o2v_keras.training.memory import estimate_memory
from o2v_keras.training.memory import require_memory
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.report import format_report
from o2v_keras.training.report import make_report
from o2v_keras.training.sharding import own_source
from o2v_keras.training.sharding import tally_all
from o2v_keras.training.sharding import training_batches
from o2v_keras.training.training_tokenizers import training_tokenizers
from o2v_keras.training.unknown_words import unknown_words
from o2v_keras.training.worker import Worker
from o2v_keras.user_warning import warn_user

# On MovieLens with batches of 64, 10 took 14 % less time than 1, and 50 another
# 8 % less; but callbacks and checkpoints wait as long.
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


def _alone(function):
    """Has one process at a time train in a model directory."""

    @functools.wraps(function)
    def run(*arguments, model_dir, **options):
        call = functools.partial(function, *arguments, **options)
        if not Worker.from_environment().is_chief:
            return call(model_dir=model_dir)
        output = ModelDirectory(model_dir).output
        with output.claimed("trains in"), disk_full_named(model_dir):
            return call(model_dir=model_dir)

    return run


@lost_workers_named()
@_alone
def train(
    config: Object2VecConfig | Mapping | str | os.PathLike,
    train: Source,
    validation: Source | None = None,
    test: Source | None = None,
    *,
    model_dir: str | os.PathLike,
    columns: PairColumns = DEFAULT_COLUMNS,
    replicas: int | None = None,
    shard_by: str = "row",
    resume: bool = False,
    overwrite: bool = False,
    initial_model: str | os.PathLike | None = None,
    new_ids: Mapping[str, int] | None = None,
    auxiliary: str | os.PathLike | None = None,
    checkpoint_minutes: float | None = None,
    steps_per_execution: int | None = None,
    deterministic: bool = False,
    skip_bad_rows: bool | float = False,
    allow_leaks: bool = False,
    stream_rows: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    monitor: str | None = None,
    monitor_mode: str = "min",
    verbose: int = 1,
) -> TrainingResult:
    """Trains with `model.fit`, stops early, keeps and scores the best epoch.

    The model directory receives `model.keras`, `config.json` (every value in
    force), `metrics.json`, `history.csv` (a line an epoch), `checkpoint.zip`
    and TensorBoard's `logs/`. A run killed at any moment goes on from its
    checkpoint with `resume=True` and ends as if it had never been killed.

    Where the variable `TF_CONFIG` names several workers, all of them call
    `train` with the same arguments and train one model together: each plays
    its share of every batch, the first one alone writes files and prints.

    Args:
        config: `Object2VecConfig`, or SageMaker's hyperparameters as a
            mapping or the path of a JSON file.
        train: Training data: path, glob or folder of JSON Lines, CSV, TSV,
            Parquet or TFRecord files, a list of them, a mapping with `in0`,
            `in1`, `label` and perhaps `weight`, or a `PairTable`. The sides
            for which the configuration names a tokenizer hold texts; it is
            learned from them, and all that is needed to take texts again is
            kept in `tokenizers/` of the model directory.
        validation: Scored after every epoch; drives early stopping. Where
            training draws negatives, positives alone get some as well, as
            `with_negatives` says. Defaults to `None`: the training loss
            drives it.
        test: Scored once with the best weights, with negatives as for
            `validation`. Defaults to `None`.
        model_dir: Folder for what training leaves.
        columns: Which columns, or fields, of the files hold the sides and
            the label. Defaults to `in0`, `in1` and `label`.
        replicas: Devices that share each batch. Defaults to `None`: all GPUs
            or the CPU.
        shard_by: How several workers share the training data: `"row"`, all
            read all of it and train what one would, or `"file"`, each reads
            its share of the files. Defaults to `"row"`.
        resume: Go on from the checkpoint in `model_dir`, if there is one.
            Defaults to `False`.
        overwrite: Train anew in a folder that already holds a training.
            Defaults to `False`.
        initial_model: Model directory or `.keras` file whose weights to
            start from, token tables included: pretrained vectors are not
            read again. Where a side holds texts, its tokenizers come with
            them. Defaults to `None`.
        new_ids: `in0` or `in1` -> the first id whose embedding learns, while
            all other weights rest; `fold_in` calls with it. Defaults to
            `None`: all weights learn.
        auxiliary: Folder from which relative paths of
            `enc*_pretrained_embedding_file` and `enc*_vocab_file` count.
            Defaults to `None`: the working directory.
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
            reasons to `rejected_rows.<channel>.jsonl`: `True` for up to 1 %
            of a channel's rows, a number such as 0.2 for another share,
            beyond which training stops. Defaults to `False`.
        allow_leaks: Score test data although the training data hold some of
            their pairs. Defaults to `False`: an error. Pairs of the
            validation data are warned of only: what they flatter is the
            choice of the epoch, and no figure that is published.
        stream_rows: Read the training data, which must be files, again for
            every epoch, in blocks of at most this many rows, of which two
            are in memory; `PairStream` says how rows are shuffled. Other
            channels stay in memory. Defaults to `None`: all in memory.
        callbacks: Keras callbacks of your own, called after ours;
            `EpochMetrics`, such as `RankingMetrics`, before them. Defaults
            to `()`.
        monitor: What early stopping watches and the best epoch is chosen by:
            a metric of the epoch's, such as `"val_accuracy"`, or one that a
            callback adds, such as `"val_ndcg@10"`; in its unit is
            `early_stopping_tolerance`, whose default of 0.01 holds for the
            loss alone: another metric may improve by any amount. Defaults to
            `None`: the validation loss, or the training loss where there are
            no validation data.
        monitor_mode: `"min"` or `"max"`: whether smaller or larger is better.
            Defaults to `"min"`.
        verbose: 0 or 1. Defaults to `1`.

    Returns:
        `TrainingResult(model, history, report)`.

    Raises:
        ValueError: If arguments, hyperparameters or data are unusable, or
            the loss becomes NaN or infinite, or `model_dir` holds files of
            others.
        InUseError: If another process trains in `model_dir`.
        DamagedFileError: If there is no whole checkpoint to go on from.
        DiskFullError: If the disk of `model_dir` is full.
        MemoryError: If the machine cannot hold the training.
        FileExistsError: If `model_dir` holds a training and neither `resume`
            nor `overwrite` is set.
        LostWorkerError: If several workers train and another one is gone.
    """
    if not isinstance(config, Object2VecConfig):
        config = Object2VecConfig.from_hyperparameters(config)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(config.seed)
    worker = Worker.from_environment()
    refuse_unfit(config, stream_rows, shard_by, worker)
    directory = ModelDirectory(model_dir, worker)
    _refuse_used(directory, resume, overwrite)
    _refuse_bad_minutes(checkpoint_minutes)
    resuming = resume and directory.has_checkpoint
    # Neither reads files of vectors, which may be elsewhere by now.
    if not resuming and initial_model is None:
        vector_sources(config, auxiliary)
    verbose = verbose if worker.is_chief else 0
    strategy = make_strategy(replicas, config.mini_batch_size, worker)
    replicas = strategy.num_replicas_in_sync
    steps_per_execution = _steps_per_execution(steps_per_execution, replicas)
    say = print if verbose else _say_nothing

    if resume and not resuming:
        say(f"No checkpoint in {directory.path}: training from the start.")
    tokenizers = training_tokenizers(
        config,
        train,
        columns,
        directory.tokenizers if resuming else None,
        initial_model,
        auxiliary,
        verbose,
    )
    config = tokenizers.configure(config)
    if tokenizers.sides:
        say(tokenizers)
    train = own_source(train, worker, shard_by)
    sources = {"train": train, "validation": validation, "test": test}
    labels = TrainingLabels(config)
    text = {"tokenizers": tokenizers, "columns": columns}
    tables = load_channels(
        sources,
        config,
        text,
        directory,
        skip_bad_rows,
        allow_leaks,
        stream_rows,
        labels,
        worker,
    )
    if tokenizers.sides:
        say(unknown_words(tables, tokenizers))
    notice = weight_notice(tables["train"].weight_range, columns)
    if notice:
        say(notice)
    return train_loaded(
        config,
        LoadedChannels(tables, tokenizers, labels),
        directory,
        strategy,
        worker,
        shard_by=shard_by,
        resuming=resuming,
        overwrite=overwrite,
        initial_model=initial_model,
        new_ids=new_ids,
        auxiliary=auxiliary,
        checkpoint_minutes=checkpoint_minutes,
        steps_per_execution=steps_per_execution,
        stream_rows=stream_rows,
        callbacks=callbacks,
        monitor=monitor,
        monitor_mode=monitor_mode,
        verbose=verbose,
    )


def train_loaded(
    config: Object2VecConfig,
    channels: LoadedChannels,
    directory: ModelDirectory,
    strategy: tf.distribute.Strategy,
    worker: Worker,
    *,
    shard_by: str = "row",
    resuming: bool = False,
    overwrite: bool = False,
    initial_model: str | os.PathLike | None = None,
    new_ids: Mapping[str, int] | None = None,
    auxiliary: str | os.PathLike | None = None,
    checkpoint_minutes: float | None = None,
    steps_per_execution: int | None = None,
    stream_rows: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    monitor: str | None = None,
    monitor_mode: str = "min",
    verbose: int = 1,
) -> TrainingResult:
    """Trains as `train` does, on data that have been loaded before.

    Args:
        config: With the sizes of the tokenizers' vocabularies.
        channels: What `load_channels` gave for a configuration that differs
            in nothing that data must fit.
        directory: The model directory.
        strategy: From `make_strategy`.
        worker: This process.
        shard_by: As in `train`.
        resuming: Whether to go on from the directory's checkpoint, which is
            there.
        overwrite: As in `train`.
        initial_model: As in `train`.
        new_ids: As in `train`.
        auxiliary: As in `train`.
        checkpoint_minutes: As in `train`.
        steps_per_execution: As in `train`.
        stream_rows: As in `train`.
        callbacks: As in `train`.
        monitor: As in `train`.
        monitor_mode: As in `train`.
        verbose: As in `train`.

    Raises:
        ValueError: As `train`.
        MemoryError: As `train`.
    """
    tables, tokenizers, labels = channels
    replicas = strategy.num_replicas_in_sync
    steps_per_execution = _steps_per_execution(steps_per_execution, replicas)
    needs_vectors = not resuming and initial_model is None
    say = print if verbose else _say_nothing
    directory.make()
    estimate = estimate_memory(config, replicas // worker.count)
    say(estimate)
    require_memory(estimate, directory.path)

    with strategy.scope():
        model = Object2Vec(config)
    model.tokenizers = tokenizers
    adapt_to_workers(model)
    tally_all(labels, strategy, worker, shard_by)
    trained_ids = labels.ids.settled(config)
    if resuming:
        trained_ids = directory.read_trained_ids(config)
    elif initial_model is not None:
        trained_ids = _start_from(model, initial_model, trained_ids, new_ids)
    else:
        with strategy.scope():
            model.initialize_bias(*labels.mean_rows())
    model.trained_ids = trained_ids
    if new_ids is not None:
        with strategy.scope():
            learned = train_new_ids_only(model, new_ids)
    if needs_vectors:
        _load_vectors(model, auxiliary, worker, say)
    model.needs_vectors = False
    if overwrite and not resuming and worker.is_chief:
        directory.clear()
    if worker.is_chief:
        tokenizers.save(directory.tokenizers)
        directory.write_trained_ids(trained_ids)
    share = worker.index, worker.count
    known = tables["train"] if stream_rows is None else None
    # Workers that know other pairs would draw other negatives.
    drawn_beside = known if shard_by == "row" else None
    scored = {
        name: with_negatives(table, config, drawn_beside)
        for name, table in tables.items()
        if name != "train"
    }
    batches = {
        name: PairBatches(table, config, False, replicas, share, known)
        for name, table in scored.items()
    }
    batches["train"] = training_batches(
        tables["train"], config, strategy, worker, shard_by
    )
    left_out = batches["train"].left_out_negatives(epoch=0)
    rows = len(tables["train"]) if known else tables["train"].num_rows
    refuse_nothing_to_learn(model, labels, rows, left_out)
    if left_out:
        say(left_out_message(left_out))
    for advice in (
        *negatives_drawn(tables, scored),
        *unknown_ids(
            config, {name: tables[name] for name in scored}, trained_ids
        ),
        row_sparse_advice(config, batches["train"].num_batches),
    ):
        if advice:
            say(advice)

    options = {
        "stream_rows": stream_rows,
        "monitor": monitor,
        "new_ids": new_ids,
    }
    with _data_errors_named(batches["train"]):
        history, early_stopping = fit(
            model,
            batches,
            directory,
            worker=worker,
            identity=_identity(
                config, tables, options, strategy, worker, shard_by
            ),
            resume=resuming,
            checkpoint_minutes=checkpoint_minutes,
            steps_per_execution=steps_per_execution,
            callbacks=callbacks,
            monitor=monitor,
            monitor_mode=monitor_mode,
            verbose=verbose,
        )
    report = make_report(
        history.epochs,
        early_stopping.best_epoch,
        test=_score_test(model, batches),
        baselines={
            name: baselines(table, config, known or labels)
            for name, table in scored.items()
        },
    )
    if new_ids is not None:
        with strategy.scope():
            train_again(model, learned)
    if worker.is_chief:
        directory.write_model(model)
        directory.write_metrics(report)
    # A worker that left earlier would look like a lost one.
    tell_all(strategy, worker, "done")
    say(format_report(report))
    if similarity_sign(model) < 0:
        say(f"warning: this model {UPSIDE_DOWN}. `mlp_layers` 0 prevents it.")
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
    if not is_integer or steps < 1:
        raise ValueError(
            "`steps_per_execution` must be an integer of at least 1. "
            f"Received: steps_per_execution={steps!r}"
        )
    return steps


@contextlib.contextmanager
def _data_errors_named(batches):
    """Raises what was wrong with streamed data in place of TensorFlow's."""
    try:
        yield
    except tf.errors.OpError as error:
        if getattr(batches, "failure", None) is None:
            raise
        raise batches.failure from error


def _load_vectors(model, auxiliary, worker, say):
    coverages = model.load_pretrained_vectors(auxiliary)
    for coverage in coverages:
        say(coverage)
    checksums = [coverage.checksum for coverage in coverages]
    if checksums:
        require_agreement(
            model.distribute_strategy, worker, {"vectors": checksums}
        )


def _start_from(model, initial_model, trained_ids, new_ids):
    """Copies another model's weights; returns the ids that are then trained.

    `None` where it is not known which ids the other model has trained.
    """
    initial = load_model(initial_model)
    if new_ids is None and similarity_sign(initial) < 0:
        warn_user(
            f"`initial_model` {UPSIDE_DOWN}. Its embeddings have to turn "
            "around first: train without it. Received: "
            f"initial_model={os.fspath(initial_model)!r}"
        )
    weights = _weights_but_gates(model)
    values = _weights_but_gates(initial)
    shapes = [tuple(weight.shape) for weight in weights]
    initial_shapes = [tuple(value.shape) for value in values]
    if shapes != initial_shapes:
        raise ValueError(
            "`initial_model` must have been made with the same "
            "hyperparameters for encoders, comparator, MLP and head. "
            f"Received: initial_model={os.fspath(initial_model)!r} with "
            f"weights of the shapes {initial_shapes} instead of {shapes}"
        )
    for weight, value in zip(weights, values, strict=True):
        weight.assign(keras.ops.convert_to_numpy(value))
    if initial.trained_ids is None:
        return None
    trained_ids.join(initial.trained_ids)
    return trained_ids


def _weights_but_gates(model):
    """Returns the weights; whether a table rests follows from the epoch."""
    gates = {id(table.gate) for table in model.token_embeddings}
    return [weight for weight in model.weights if id(weight) not in gates]


def _identity(config, tables, options, strategy, worker, shard_by):
    """What a resumed run must have in common with the killed one."""
    values = config.to_dict()
    # A run may be resumed for more epochs than it was meant to have, unless
    # its learning rate has fallen by their number.
    if config.learning_rate_schedule == "constant":
        del values["epochs"]
    data = {name: table.fingerprint() for name, table in tables.items()}
    if shard_by == "file":
        # Each worker has read other files.
        data["train"] = tell_all(strategy, worker, data["train"])
    # Options before the data, whose fingerprint follows the blocks.
    return {"hyperparameters": values, "options": options, "data": data}


def _score_test(model, batches):
    if "test" not in batches:
        return {}
    return evaluate_batches(model, batches["test"])


def _say_nothing(*_):
    pass
