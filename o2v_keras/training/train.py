"""From data and hyperparameters to a trained model directory."""

import dataclasses
import functools
import os
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.report import weight_notice
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.training.advice import unknown_words
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.channels import load_channels
from o2v_keras.training.channels import training_tokenizers
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.cluster import lost_workers_named
from o2v_keras.training.distribute.sharding import own_source
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.options import TrainingOptions
from o2v_keras.training.train_model import TrainingResult
from o2v_keras.training.train_model import train_model


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
    check_in_batch_softmax(config, stream_rows, shard_by, worker)
    directory = ModelDirectory(model_dir, worker)
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
            f"{directory.path} already holds a training. Go on with it "
            "(`--resume`, `resume=True`), replace it (`--overwrite`, "
            "`overwrite=True`) or name another `model_dir`."
        )
    if resume and not directory.has_checkpoint:
        options.say(
            f"No checkpoint in {directory.path}: training from the start."
        )
        options = dataclasses.replace(options, resume=False)
    # A resumed training, or one that starts from a model, reads no files of
    # vectors, which may be elsewhere by now.
    if not options.resume and initial_model is None:
        vector_sources(config, auxiliary)
    strategy = make_strategy(replicas, config.mini_batch_size, worker)

    tokenizers = training_tokenizers(
        config,
        train,
        columns,
        directory.tokenizers if options.resume else None,
        initial_model,
        auxiliary,
        options.verbose,
    )
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
    channels = LoadedChannels(tables, tokenizers, labels)
    return train_model(config, channels, directory, strategy, worker, options)


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
            f"`stream_rows` must be left out beside {head}, which must know "
            "all positives of the training data at any time. Received: "
            f"stream_rows={stream_rows}"
        )
    if worker.count > 1 and shard_by == "file":
        raise ValueError(
            f'`shard_by` must be "row" beside {head}, where every worker must '
            'know all positives. Received: shard_by="file"'
        )
    if worker.count > 1 and config.mined_negatives:
        raise ValueError(
            "`mined_negatives` must be 0 where several workers train "
            "together, which might not find the same ones. Received: "
            f"mined_negatives={config.mined_negatives}"
        )
