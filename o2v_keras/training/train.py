"""Trains a model and writes its model directory."""

import dataclasses
import functools
import os
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.json_object import read_json_object
from o2v_keras.config.object2vec_config import typed_values
from o2v_keras.data.check.report import weight_notice
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.target_vectors import with_target_file
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.recipes import recipe_for
from o2v_keras.registry import import_network
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.training.advice import unknown_words
from o2v_keras.training.callbacks.metrics import CorrelationMetrics
from o2v_keras.training.callbacks.metrics import RankingMetrics
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.channels import hold_out
from o2v_keras.training.channels import load_channels
from o2v_keras.training.channels import training_tokenizers
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.failure_detection import (
    lost_workers_reported,
)
from o2v_keras.training.distribute.sharding import check_shard_by
from o2v_keras.training.distribute.sharding import own_source
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.options import TrainingOptions
from o2v_keras.training.options import default_monitor
from o2v_keras.training.report import format_report
from o2v_keras.training.train_model import TrainingResult
from o2v_keras.training.train_model import train_model

# Share of the training data by which a recipe stops early.
_HELD_OUT = 0.1
_CORRELATION = re.compile(r"val_(cosine_)?(spearman|pearson)")
_RANKING = re.compile(
    r"val_((hits|recall|ndcg|accuracy)@(?P<at>\d+)|mrr|mean_rank)"
)


def _alone(function):
    """Lets only one process at a time train in a model directory."""

    @functools.wraps(function)
    def run(*arguments, model_dir, **options):
        call = functools.partial(function, *arguments, **options)
        if not Worker.from_environment().is_chief:
            return call(model_dir=model_dir)
        output = ModelDirectory(model_dir).output
        with output.claimed("trains in"), disk_full_named(model_dir):
            return call(model_dir=model_dir)

    return run


@lost_workers_reported()
@_alone
def train(
    config: Object2VecConfig
    | Mapping[str, Any]
    | str
    | os.PathLike[str]
    | None,
    train: Source,
    validation: Source | None = None,
    test: Source | None = None,
    *,
    model_dir: str | os.PathLike[str],
    recipe: str | None = None,
    columns: PairColumns = DEFAULT_COLUMNS,
    replicas: int | None = None,
    shard_by: str = "row",
    resume: bool = False,
    overwrite: bool = False,
    initial_model: str | os.PathLike[str] | None = None,
    new_ids: Mapping[str, int] | None = None,
    auxiliary: str | os.PathLike[str] | None = None,
    checkpoint_minutes: float | None = None,
    steps_per_execution: int | None = None,
    deterministic: bool = False,
    skip_bad_rows: bool | float = False,
    allow_leaks: bool = False,
    stream_rows: int | None = None,
    validation_split: float | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    monitor: str | None = None,
    monitor_mode: str = "min",
    verbose: int = 1,
) -> TrainingResult:
    """Trains with early stopping and evaluates the best epoch.

    The model directory gets `model.keras`, `config.json` (all resolved
    values), `metrics.json`, `history.csv` (a line per epoch),
    `checkpoint.zip`, TensorBoard's `logs/` and, for texts,
    `tokenizers.keras`. A
    killed run continues from its checkpoint with `resume=True`, with the same
    result as an uninterrupted run.

    If the variable `TF_CONFIG` names several workers, all of them must call
    `train` with the same arguments. They train one model, each on its shard
    of every batch; only the chief writes files and prints.

    Args:
        config: `Object2VecConfig`, or SageMaker's hyperparameters as a
            mapping or the path of a JSON file. `None`: a recipe chooses them
            by looking at the data.
        train: Training data: path, glob or folder of JSON Lines, CSV, TSV,
            Parquet or TFRecord files, a list of them, a mapping with `in0`,
            `in1`, `label` and optionally `weight`, or a `PairTable`. Sides
            with a tokenizer in the configuration hold texts, from which it
            is learned.
        validation: Data evaluated after every epoch, for early stopping. If
            training draws negatives, positives alone get some too (see
            `with_negatives`). Defaults to `None`: early stopping uses the
            training loss.
        test: Data evaluated once with the best weights, with negatives as for
            `validation`. Defaults to `None`.
        model_dir: The model directory.
        recipe: Name of the recipe that chooses the hyperparameters, `"auto"`
            for the one that suits the data (see `Object2VecConfig.recipe`);
            those of `config`, a mapping or a file, win. Its values are
            printed. It also chooses `monitor`, and where there are no
            validation data, the number of epochs (see `validation_split`).
            Defaults to `None`: `"auto"` if `config` is `None`, otherwise no
            recipe.
        columns: `PairColumns` of all data. Defaults to `in0`, `in1` and
            `label`.
        replicas: int. Devices that share each batch. Defaults to `None`: all
            GPUs or the CPU.
        shard_by: How several workers share the training data: `"row"`, each
            reads all and the result is that of a single worker, or `"file"`,
            each reads its share of the files. Defaults to `"row"`.
        resume: bool. Whether to continue from the checkpoint in `model_dir`,
            if there is one. Defaults to `False`.
        overwrite: bool. Whether to replace a training in `model_dir`.
            Defaults to `False`.
        initial_model: Model directory or `.keras` file of the initial
            weights, token tables included (pretrained vectors are not read),
            and of the tokenizers. Defaults to `None`.
        new_ids: `in0` or `in1` -> first id whose embedding is trained, with
            all other weights frozen; used by `fold_in`. Defaults to `None`:
            all weights are trained.
        auxiliary: Folder of relative paths of
            `enc*_pretrained_embedding_file`, `enc*_vocab_file` and
            `target_embedding_file`. Defaults to `None`: the working
            directory.
        checkpoint_minutes: float. Minutes between checkpoints within an
            epoch. Defaults to `None`: only after each epoch.
        steps_per_execution: int. Steps per TensorFlow call, after which
            callbacks run and checkpoints are possible. Results do not depend
            on it. Defaults to `None`: 10 on one device, 1 on several, where
            Keras fails with more.
        deterministic: bool. Whether TensorFlow uses only deterministic
            operations, which can be slower, for the rest of the process.
            Defaults to `False`.
        skip_bad_rows: bool or float. Whether to skip rows with errors and
            write them with reasons to `rejected_rows.<channel>.jsonl`. `True`
            allows up to 1 % of a channel's rows, a number such as 0.2 another
            share; more are an error. Defaults to `False`.
        allow_leaks: bool. Whether test data may hold pairs of the training
            data. Defaults to `False`: they are an error. Leaks of validation
            data only warn, since they affect the choice of the epoch alone.
        stream_rows: int. Rows of a block in which training files are read
            again in every epoch, with two blocks in memory; `PairStream`
            describes the shuffling. Other channels stay in memory. Defaults
            to `None`: all data are in memory.
        validation_split: float from 0 to 1. Share of the training data that
            is held out as validation data, by seed and ids (see `hold_out`);
            `validation` must then be `None`. Defaults to `None`: 0, but with
            a recipe 0.1, and once that has chosen the number of epochs (in
            `model_dir/held_out`), the model is trained on all rows (nothing
            is held out where workers have other files).
        callbacks: Keras callbacks, called after those of `train`;
            `EpochMetrics`, such as `RankingMetrics`, are called before.
            Defaults to `()`.
        monitor: Metric for early stopping and the choice of the best epoch,
            such as `"val_accuracy"`, `"val_spearman"` or `"val_ndcg@10"`
            (among the objects of training and validation data; for other
            candidates give the callback `RankingMetrics`). The
            default of `early_stopping_tolerance` is 0.01 for losses, 0 for
            other metrics. Defaults to `None`: the validation loss, for
            `cosent` `"val_spearman"`, or the training loss without validation
            data.
        monitor_mode: `"min"` or `"max"`: whether smaller or larger is better.
            Defaults to `"min"`.
        verbose: 0 or 1. Defaults to `1`.

    Returns:
        `TrainingResult(model, history, report)`.

    Raises:
        ValueError: If arguments, hyperparameters or data are unusable, the
            loss becomes NaN or infinite, or `model_dir` holds files of
            others.
        InUseError: If another process trains in `model_dir`.
        DamagedFileError: If all checkpoints are damaged.
        DiskFullError: If the disk of `model_dir` is full.
        MemoryError: If memory or disk space is too small.
        FileExistsError: If `model_dir` holds a training and neither `resume`
            nor `overwrite` is set.
        LostWorkerError: If another worker is lost.
    """
    refit = False
    if recipe or config is None:
        if stream_rows is not None:
            raise ValueError(
                "`config` must be given without `recipe` beside `stream_rows`:"
                " a recipe looks at all data in memory. Choose it by a sample "
                "of the rows (its model directory has `hyperparameters.json`)."
                f" Received: stream_rows={stream_rows}"
            )
        chosen = _chosen(recipe, config, train, columns, (validation, test))
        if verbose and Worker.from_environment().is_chief:
            print(chosen)
        config = Object2VecConfig(**chosen.hyperparameters)
        if validation_split is None and validation is None:
            refit = shard_by == "row"
            validation_split = _HELD_OUT if refit else 0.0
        is_validated = validation is not None or validation_split
        if monitor is None and chosen.monitor and is_validated:
            monitor, monitor_mode = chosen.monitor, "max"
    validation_split = validation_split or 0.0
    if not isinstance(config, Object2VecConfig):
        config = Object2VecConfig.from_hyperparameters(config)
    for encoder in (config.encoder0, config.encoder1):
        import_network(encoder.network)
    config = with_target_file(config, auxiliary)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(config.seed)
    worker = Worker.from_environment()
    check_shard_by(shard_by, stream_rows)
    check_in_batch_softmax(config, stream_rows, shard_by, worker)
    directory = ModelDirectory(model_dir, worker)
    _check_split(validation_split, validation, stream_rows, shard_by)
    options = TrainingOptions(
        shard_by=shard_by,
        resume=resume,
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
        verbose=verbose if worker.is_chief else 0,
    )
    if directory.is_used and not (resume or overwrite):
        raise FileExistsError(
            f"{directory.path} already holds a training. Continue it "
            "(`--resume`, `resume=True`), replace it (`--overwrite`, "
            "`overwrite=True`) or name another `model_dir`."
        )
    begun = directory
    if refit and not directory.has_checkpoint:
        begun = directory.chooser
    if resume and not begun.has_checkpoint:
        options.say(
            f"No checkpoint in {directory.path}: training from the start."
        )
        options = dataclasses.replace(options, resume=False)
    # Vectors come from the checkpoint or the initial model, if there is one:
    # their files may be gone by then.
    if not options.resume and initial_model is None:
        vector_sources(config, auxiliary)
    strategy = make_strategy(replicas, config.mini_batch_size, worker)

    tokenizers = training_tokenizers(
        config,
        train,
        columns,
        begun.tokenizers if options.resume else None,
        initial_model,
        auxiliary,
        options.verbose,
    )
    hyperparameters = config.changed
    config = tokenizers.configure(config)
    if tokenizers.sides:
        options.say(tokenizers)
    labels = TrainingLabels(config)
    tables = load_channels(
        {
            "train": own_source(train, worker, shard_by),
            "validation": validation,
            "test": test,
        },
        config,
        tokenizers,
        labels,
        columns=columns,
        directory=directory,
        skip_bad_rows=skip_bad_rows,
        allow_leaks=allow_leaks,
        stream_rows=stream_rows,
        worker=worker,
    )
    if tokenizers.sides:
        options.say(unknown_words(tables, tokenizers))
    notice = weight_notice(tables["train"].weight_range, columns)
    if notice:
        options.say(notice)
    whole = LoadedChannels(tables, tokenizers, labels)
    channels = whole
    if validation_split:
        channels = _split(channels, validation_split, config)
        tables = channels.tables
        options.say(
            f"validation: {len(tables['validation']):,} rows held out of the "
            f"training data, {len(tables['train']):,} are left"
            + (", to choose the number of epochs" if refit else "")
        )
    if "validation" in tables:
        options = _with_monitored_metrics(config, tables, columns, options)
    run = functools.partial(
        train_model, config, strategy=strategy, worker=worker
    )
    if refit:
        chosen = _choose_epochs(run, channels, directory, options)
        channels, options = (
            whole,
            dataclasses.replace(
                options,
                chooser=chosen,
                resume=options.resume and directory.has_checkpoint,
            ),
        )
        options.say(
            f"training on all {len(whole.tables['train']):,} rows, with "
            f"epochs: {chosen['best_epoch'] + 1}"
        )
    result = run(channels, directory, options=options)
    if worker.is_chief:
        directory.write_hyperparameters(hyperparameters)
    _say_result(result, directory, options)
    return result


def _split(channels, share, config):
    """Parts validation data from the training data."""
    train, validation = hold_out(channels.tables["train"], share, config)
    labels = TrainingLabels(config)
    labels.add(train)
    parts = {"train": train, "validation": validation}
    return channels._replace(tables=channels.tables | parts, labels=labels)


def _choose_epochs(run, channels, directory, options):
    """Trains with the validation rows held out; returns the report."""
    chooser = directory.chooser
    tables = {n: t for n, t in channels.tables.items() if n != "test"}
    resume = options.resume and chooser.has_checkpoint
    options = dataclasses.replace(options, resume=resume)
    if options.overwrite:
        # A killed run would otherwise resume the one that it replaces.
        directory.clear()
    return run(
        channels._replace(tables=tables), chooser, options=options
    ).report


def _say_result(result, directory, options):
    options.say(format_report(result.report))
    for advice in result.report["advice"].values():
        options.say(f"advice: {advice}")
    if similarity_sign(result.model) < 0:
        options.say(
            f"warning: this model {UPSIDE_DOWN}. `mlp_layers` 0 prevents it."
        )
    options.say(f"model directory: {directory.path}")


def _chosen(name, given, data, columns, others):
    """Returns the recipe for data, with given hyperparameters in it."""
    if isinstance(given, Object2VecConfig):
        raise ValueError(
            "`config` must be hyperparameters, as a mapping or a file, beside "
            "`recipe`: an Object2VecConfig has all values. Received: "
            f"recipe={name!r} and an Object2VecConfig"
        )
    if isinstance(given, str | os.PathLike):
        given = read_json_object(given, "hyperparameters")
    name = None if name == "auto" else name
    others = [each for each in others if each is not None]
    recipe = recipe_for(name, data, columns, others)
    return recipe.replace(typed_values(given or {}))


def _check_split(share, validation, stream_rows, shard_by):
    if not 0 <= share < 1:
        raise ValueError(
            "`validation_split` must be from 0 to below 1. Received: "
            f"validation_split={share}"
        )
    others = {"validation": validation, "stream_rows": stream_rows}
    given = [name for name, value in others.items() if value is not None]
    if shard_by == "file":
        given.append('shard_by="file"')
    if share and given:
        raise ValueError(
            f"`validation_split` must be 0 beside {' and '.join(given)}. "
            f"Received: validation_split={share}"
        )


def _with_monitored_metrics(config, tables, columns, options):
    """Adds what computes the monitored metric, if no callback does."""
    name, mode = options.monitor, options.monitor_mode
    if name is None:
        name, mode = default_monitor(config.output_layer), "max"
    if name == "val_loss":
        return options
    kinds = {type(callback) for callback in options.callbacks}
    needed = _metrics_of(name, config, tables, columns)
    callbacks = [each for each in needed if type(each) not in kinds]
    callbacks += options.callbacks
    return dataclasses.replace(
        options, monitor=name, monitor_mode=mode, callbacks=callbacks
    )


def _metrics_of(name, config, tables, columns):
    if _CORRELATION.fullmatch(name):
        yield CorrelationMetrics(tables["validation"])
    ranking = _RANKING.fullmatch(name)
    if ranking and isinstance(tables["train"], PairTable):
        at = int(ranking["at"] or 10)
        # A text asks for its labels, and not a label for its texts.
        names = config.encoder0.tokenizer == "category"
        asks = names and config.encoder1.tokenizer not in ("", "category")
        yield RankingMetrics(
            tables["validation"],
            training=tables["train"],
            at=at,
            columns=columns,
            query="in1" if asks else "in0",
            # The channels have been checked for them.
            allow_leaks=True,
        )


def check_in_batch_softmax(
    config: Object2VecConfig,
    stream_rows: int | None,
    shard_by: str,
    worker: Worker,
) -> None:
    """Checks that every worker knows all positives and counts all objects.

    Raises:
        ValueError: If data are streamed or shared by file, or several
            workers would mine negatives, beside the in-batch softmax.
    """
    if config.output_layer != "in_batch_softmax":
        return
    head = 'output_layer="in_batch_softmax"'
    if stream_rows is not None:
        raise ValueError(
            f"`stream_rows` must be left out with {head}, which needs "
            "all positives of the training data at any time. Received: "
            f"stream_rows={stream_rows}"
        )
    if worker.count > 1 and shard_by == "file":
        raise ValueError(
            f'`shard_by` must be "row" with {head}, where every worker needs '
            'all positives. Received: shard_by="file"'
        )
    if worker.count > 1 and config.mined_negatives:
        raise ValueError(
            "`mined_negatives` must be 0 with several workers, which might "
            "not find the same ones. Received: "
            f"mined_negatives={config.mined_negatives}"
        )
