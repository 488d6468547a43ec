"""Trains a model on loaded data and writes its directory."""

import contextlib
import os
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.load_dataset import left_out_message
from o2v_keras.data.target_vectors import target_vectors
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.evaluation.evaluate import evaluate_batches
from o2v_keras.evaluation.scored_pairs import ScoredPairs
from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.expand_vocabulary import train_again
from o2v_keras.models.expand_vocabulary import train_new_ids_only
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.registry import import_network
from o2v_keras.training.advice import collapsed_sides
from o2v_keras.training.advice import negatives_drawn
from o2v_keras.training.advice import refuse_nothing_to_learn
from o2v_keras.training.advice import result_advice
from o2v_keras.training.advice import row_sparse_advice
from o2v_keras.training.advice import unknown_ids
from o2v_keras.training.callbacks.metrics import CorrelationMetrics
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.callbacks.metrics import RankingMetrics
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.sharding import tally_all
from o2v_keras.training.distribute.sharding import training_batches
from o2v_keras.training.distribute.strategy import adapt_to_workers
from o2v_keras.training.distribute.strategy import all_gather
from o2v_keras.training.distribute.strategy import require_agreement
from o2v_keras.training.fit import fit
from o2v_keras.training.memory import estimate_memory
from o2v_keras.training.memory import require_memory
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.options import TrainingOptions
from o2v_keras.training.options import default_monitor
from o2v_keras.training.report import make_report
from o2v_keras.training.report import refit_report
from o2v_keras.user_warning import warn_user


class TrainingResult(NamedTuple):
    """The result of `train`.

    Args:
        model: `Object2Vec` with the best epoch's weights.
        history: `keras.callbacks.History` of all epochs, also those before a
            resume.
        report: The content of `metrics.json`.
    """

    model: Object2Vec
    history: keras.callbacks.History
    report: dict[str, Any]


def train_model(
    config: Object2VecConfig,
    channels: LoadedChannels,
    directory: ModelDirectory,
    strategy: tf.distribute.Strategy,
    worker: Worker,
    options: TrainingOptions,
) -> TrainingResult:
    """Builds, fits and evaluates a model; writes the model directory.

    Args:
        config: `Object2VecConfig` with the tokenizers' vocabulary sizes.
        channels: `LoadedChannels` that fit the configuration.
        directory: The model directory.
        strategy: From `make_strategy`.
        worker: This process.
        options: `TrainingOptions`; `resume` requires a checkpoint.

    Returns:
        `TrainingResult(model, history, report)`.

    Raises:
        ValueError: If the data hold nothing to learn, the checkpoint is of
            another training, or the loss becomes NaN or infinite.
        MemoryError: If memory or disk space is too small.
    """
    tables, tokenizers, labels = channels
    for encoder in (config.encoder0, config.encoder1):
        import_network(encoder.network)
    directory.make()
    estimate = estimate_memory(
        config, strategy.num_replicas_in_sync // worker.count
    )
    if options.chooser is None:
        options.say(estimate)
    on_gpus = bool(tf.config.list_physical_devices("GPU"))
    require_memory(config, estimate, directory.path, on_gpus)

    with strategy.scope():
        model = Object2Vec(config)
    model.tokenizers = tokenizers
    adapt_to_workers(model)
    tally_all(labels, strategy, worker, options.shard_by)
    learned = _set_first_weights(
        model, labels, directory, strategy, worker, options
    )
    if worker.is_chief:
        if options.overwrite:
            directory.clear()
            if options.chooser is None:
                directory.clear_chooser()
        # Resuming needs them before there is a `model.keras`.
        if tokenizers.sides:
            tokenizers.save(directory.tokenizers)
        directory.write_trained_ids(model.trained_ids)

    # Streamed data are never in memory as a whole.
    known = tables["train"] if options.stream_rows is None else None
    # Workers with different known pairs would draw different negatives.
    known_to_all = known if options.shard_by == "row" else None
    scored = {
        name: with_negatives(table, config, known_to_all)
        for name, table in tables.items()
        if name != "train"
    }
    batches = {
        name: PairBatches(
            table,
            config,
            False,
            strategy.num_replicas_in_sync,
            (worker.index, worker.count),
            known,
        )
        for name, table in scored.items()
    }
    batches["train"] = training_batches(
        tables["train"], config, strategy, worker, options.shard_by
    )
    rows = len(tables["train"]) if known else tables["train"].num_rows
    left_out = batches["train"].left_out_negatives(epoch=0)
    refuse_nothing_to_learn(model, labels, rows, left_out)
    if left_out:
        options.say(left_out_message(left_out))
    known_ids = {name: tables[name] for name in scored}
    for advice in (
        *negatives_drawn(tables, scored),
        *unknown_ids(config, known_ids, model.trained_ids),
        row_sparse_advice(config, batches["train"].num_batches),
    ):
        if advice:
            options.say(advice)

    identity = _identity(config, tables, options, strategy, worker)
    with _data_errors_named(batches["train"]):
        history, early_stopping = fit(
            model, batches, directory, worker, identity, options
        )
    for callback in options.callbacks:
        # A resumed training may have no epoch left that would set it.
        callback.set_model(model)
    all_pairs = None if options.chooser is None else known
    test, answers = _score_test(model, batches, scored, options, all_pairs)
    answers = {"validation": _callback_baselines(options), "test": answers}
    report = make_report(
        history.epochs,
        early_stopping.best_epoch,
        test=test,
        baselines={
            name: baselines(table, config, known or labels) | answers[name]
            for name, table in scored.items()
        },
        dims=config.matryoshka_dims,
    )
    if options.chooser is not None:
        report = refit_report(report, options.chooser)
    if options.new_ids is not None:
        with strategy.scope():
            train_again(model, learned)
    report["advice"] = {
        **report.get("advice", {}),
        **dict(result_advice(report, history.epochs, config, options.monitor)),
        **dict(collapsed_sides(model, tables)),
    }
    if worker.is_chief:
        directory.write_model(model)
        directory.write_metrics(report)
    # A worker that ends before the others would look like a lost one.
    all_gather(strategy, worker, "done")
    return TrainingResult(model, history.as_keras_history(), report)


def _callback_baselines(options):
    found = {}
    if options.chooser is not None:
        return found
    for callback in options.callbacks:
        if isinstance(callback, EpochMetrics):
            found |= callback.baselines()
    return found


def _set_first_weights(
    model, labels, directory, strategy, worker, options
) -> Any:
    """Sets the initial weights and `trained_ids`.

    Returns the layers for `train_again`, or `None` without `new_ids`.
    """
    model.trained_ids = labels.ids.settled(model.config)
    learned = None
    if options.resume:
        model.trained_ids = directory.read_trained_ids(model.config)
    elif options.initial_model is not None:
        _start_from(model, options.initial_model, options.new_ids)
    else:
        with strategy.scope():
            model.initialize_bias(*labels.mean_rows())
    if model.needs_counts and not options.resume:
        with strategy.scope():
            model.set_token_counts(
                labels.tokens.sides, weights=options.initial_model is None
            )
    if options.new_ids is not None:
        with strategy.scope():
            learned = train_new_ids_only(model, options.new_ids)
    if not options.resume and options.initial_model is None:
        _load_vectors(model, worker, options)
    model.needs_vectors = model.needs_counts = False
    return learned


def _start_from(model, initial_model, new_ids):
    """Copies another model's weights and adds its trained ids.

    `trained_ids` becomes `None` if those of the other model are unknown.
    """
    initial = load_model(initial_model)
    if new_ids is None and similarity_sign(initial) < 0:
        warn_user(
            f"`initial_model` {UPSIDE_DOWN}. Training must reverse its "
            "embeddings first: train without it. Received: "
            f"initial_model={os.fspath(initial_model)!r}"
        )
    weights = _weights_but_gates(model)
    values = _weights_but_gates(initial)
    shapes = [tuple(weight.shape) for weight in weights]
    initial_shapes = [tuple(value.shape) for value in values]
    if shapes != initial_shapes:
        raise ValueError(
            "`initial_model` must have the same "
            "hyperparameters for encoders, comparator, MLP and head. "
            f"Received: initial_model={os.fspath(initial_model)!r} with "
            f"weights of the shapes {initial_shapes} instead of {shapes}"
        )
    for weight, value in zip(weights, values, strict=True):
        weight.assign(keras.ops.convert_to_numpy(value))
    if initial.trained_ids is None:
        model.trained_ids = None
    else:
        model.trained_ids.join(initial.trained_ids)


def _weights_but_gates(model):
    """Returns the weights without gates, which the epoch determines."""
    gates = {id(table.gate) for table in model.token_embeddings if table}
    return [weight for weight in model.weights if id(weight) not in gates]


def _load_vectors(model, worker, options):
    coverages = model.load_pretrained_vectors(options.auxiliary)
    for coverage in coverages:
        options.say(coverage)
    checksums = [coverage.checksum for coverage in coverages]
    if checksums:
        require_agreement(
            model.distribute_strategy, worker, {"vectors": checksums}
        )


def _identity(config, tables, options, strategy, worker):
    """Returns the values that must be equal in a resumed run."""
    values = config.to_dict()
    # A resumed run may have more epochs, unless the learning rate depends on
    # their number.
    if config.learning_rate_schedule == "constant":
        del values["epochs"]
    data = {name: table.fingerprint() for name, table in tables.items()}
    vectors = target_vectors(config)
    if vectors is not None:
        # The file may be moved, but not be changed.
        del values["target_embedding_file"]
        data["target vectors"] = vectors.fingerprint()
    if options.shard_by == "file":
        # Each worker has other files.
        data["train"] = all_gather(strategy, worker, data["train"])
    # Compared before the data, whose fingerprint depends on `stream_rows`.
    names = ("stream_rows", "monitor", "new_ids")
    return {
        "hyperparameters": values,
        "options": {name: getattr(options, name) for name in names},
        "data": data,
    }


def _score_test(model, batches, tables, options, training):
    """Returns metrics of the test data, and baselines of their ranking.

    `training` has all training pairs, if the callbacks know a part.
    """
    if "test" not in batches:
        return {}, {}
    metrics, answers = evaluate_batches(model, batches["test"]), {}
    kinds = {type(callback) for callback in options.callbacks}
    is_default = default_monitor(model.config.output_layer) == "val_spearman"
    if is_default or CorrelationMetrics in kinds:
        metrics |= ScoredPairs(model, tables["test"]).metrics()["correlation"]
    for callback in options.callbacks:
        if isinstance(callback, RankingMetrics):
            ranking = callback.ranking_of(tables["test"], training)
            if ranking is not None:
                metrics |= ranking.metrics()
                answers |= ranking.baselines()
    return metrics, answers


@contextlib.contextmanager
def _data_errors_named(batches):
    """Raises the error in streamed data instead of TensorFlow's."""
    try:
        yield
    except tf.errors.OpError as error:
        if getattr(batches, "failure", None) is None:
            raise
        raise batches.failure from error
