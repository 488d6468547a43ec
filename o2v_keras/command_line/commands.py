"""Runs the `o2v` commands: each calls a function and prints its result."""

import argparse
import json
import sys
from typing import Any

from o2v_keras.command_line.option_groups import ranking_of
from o2v_keras.command_line.option_groups import refuse_ranking
from o2v_keras.data.job_options import changes_of
from o2v_keras.data.job_options import columns_of
from o2v_keras.data.job_options import config_of
from o2v_keras.data.job_options import hyperparameters_of
from o2v_keras.data.job_options import required_config
from o2v_keras.start_tensorflow import start_tensorflow

# Each command imports what it needs: TensorFlow takes seconds to start, and
# `check` does without.


def check(options: argparse.Namespace) -> int | None:
    """Prints what is wrong with data; returns 2 if there are errors."""
    from o2v_keras.data.read.pairs import read_pairs
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.data.read_source import SIDES
    from o2v_keras.data.read_source import Loaded
    from o2v_keras.data.target_vectors import with_target_file
    from o2v_keras.recipes import recipe_for
    from o2v_keras.recipes import sides_with_texts
    from o2v_keras.text.placeholder_ids import MarkedTexts
    from o2v_keras.text.placeholder_ids import marked_texts

    if any("gs://" in path for path in options.data):
        start_tensorflow()
    files = expand_paths(options.data)
    if any(".tfrecord" in file for file in files):
        start_tensorflow()
    config, texts, columns = config_of(options), {}, columns_of(options)
    sides = config.sides if config else SIDES
    if config and options.training:
        start_tensorflow()
        from o2v_keras.training.dry_run import dry_run

        report = dry_run(config, files, columns, options.auxiliary)
        return _say_found(report, columns)
    if config:
        config = with_target_file(config, options.auxiliary)
        columns.check_label(config)
        texts = marked_texts(config, files)
    else:
        texts = {
            side: MarkedTexts("words", side)
            for side in sides_with_texts(files, columns)
        }
    result = read_pairs(files, sides, columns=columns, texts=texts)
    report = Loaded.check(result, config, options.training).report
    recipe = None
    if texts and not config and not report.errors:
        # Sizes of texts are those of a tokenizer.
        recipe = recipe_for(None, files, columns)
    return _say_found(report, columns, recipe)


def _say_found(report, columns, recipe=None):
    from o2v_keras.data.check.report import weight_notice

    print(report)
    print(recipe or report.proposal)
    report.refuse_zero_weights()
    notice = weight_notice(report.weight_range, columns)
    if notice and not report.errors:
        print(notice)
    return 2 if report.errors else 0


def vocabulary(options: argparse.Namespace) -> int | None:
    """Writes the vocabulary of texts."""
    from o2v_keras.text.text_columns import read_texts
    from o2v_keras.text.vocabulary import Vocabulary
    from o2v_keras.text.vocabulary_files import check_vocabulary_path

    check_vocabulary_path(options.output)
    if options.vocabulary:
        vocabulary = Vocabulary.load(options.vocabulary, options.shift_ids)
    else:
        vocabulary = Vocabulary.build(
            read_texts(options.data, options.columns or ()),
            options.min_count,
            options.max_size,
            options.hash_buckets,
        )
    vocabulary.save(options.output)
    print(f"{len(vocabulary):,} ids (vocab_size): {options.output}")


def convert(options: argparse.Namespace) -> int | None:
    """Writes data as TFRecord shards."""
    start_tensorflow()
    from o2v_keras.data.convert.convert import convert as write_shards
    from o2v_keras.text.pair_tokenizers import PairTokenizers

    config, tokenizers = config_of(options), None
    if options.tokenizers:
        config = required_config(options)
        tokenizers = PairTokenizers.load(options.tokenizers)
    write_shards(
        options.input,
        options.output,
        shard_rows=options.shard_rows,
        compression=options.compression,
        sides=[options.side] if options.side else None,
        label=not options.unlabelled,
        columns=columns_of(options),
        config=config,
        tokenizers=tokenizers,
        auxiliary=options.auxiliary,
        skip_bad_rows=options.skip_bad_rows,
    )


def train(options: argparse.Namespace) -> int | None:
    """Trains a model."""
    start_tensorflow()
    from o2v_keras.training import train
    from o2v_keras.tuning.objective import objective_metrics
    from o2v_keras.tuning.objective import parse_objective

    columns, watched = columns_of(options), {}
    hyperparameters = hyperparameters_of(options) or {}
    if options.dtype_policy:
        hyperparameters["dtype_policy"] = options.dtype_policy
    uses_recipe = options.recipe or not options.hyperparameters
    ranking = ranking_of(options)
    if not options.monitor:
        refuse_ranking(ranking, "`--monitor`, with a metric that ranks,")
    else:
        goal = parse_objective(options.monitor)
        sources = {"train": options.train, "validation": options.validation}
        watched = {
            "monitor": goal.name,
            "monitor_mode": goal.direction,
            "callbacks": objective_metrics(
                goal.name, sources, columns, ranking
            ),
        }
    train.train(
        hyperparameters,
        options.train,
        options.validation,
        options.test,
        model_dir=options.model_dir,
        columns=columns,
        replicas=options.replicas,
        shard_by=options.shard_by,
        resume=options.resume,
        overwrite=options.overwrite,
        initial_model=options.initial_model,
        auxiliary=options.auxiliary,
        checkpoint_minutes=options.checkpoint_minutes,
        steps_per_execution=options.steps_per_execution,
        deterministic=options.deterministic,
        skip_bad_rows=options.skip_bad_rows,
        allow_leaks=options.allow_leaks,
        stream_rows=options.stream_rows,
        validation_split=options.validation_split,
        recipe=(options.recipe or "auto") if uses_recipe else None,
        **watched,
    )


def fold_in(options: argparse.Namespace) -> int | None:
    """Trains, or computes, embeddings of new ids."""
    start_tensorflow()
    from o2v_keras.config.object2vec_config import typed_values
    from o2v_keras.training import fold_in as folding
    from o2v_keras.training.instant_fold_in import fold_in_instantly

    given = vars(options)
    first_new_ids = {
        name: given[f"first_new_{name}"]
        for name in ("in0", "in1")
        if given[f"first_new_{name}"] is not None
    }
    _check_instant(options)
    if options.instant:
        fold_in_instantly(
            options.model,
            options.train,
            model_dir=options.model_dir,
            columns=columns_of(options),
            first_new_ids=first_new_ids,
            penalty=options.penalty,
            overwrite=options.overwrite,
        )
        return
    folding.fold_in(
        options.model,
        options.train,
        options.validation,
        model_dir=options.model_dir,
        columns=columns_of(options),
        first_new_ids=first_new_ids,
        hyperparameters={
            **typed_values(changes_of(options)),
            **{
                name: given[name]
                for name in ("epochs", "learning_rate")
                if given[name] is not None
            },
        },
        resume=options.resume,
        overwrite=options.overwrite,
        skip_bad_rows=options.skip_bad_rows,
    )


def _check_instant(options):
    of_training = ("validation", "epochs", "learning_rate", "resume")
    names = (*of_training, "skip_bad_rows", "set")
    wrong = [name for name in names if vars(options)[name]]
    if options.instant and wrong:
        option = wrong[0].replace("_", "-")
        raise ValueError(
            f"`--{option}` must be left out with `--instant`, which does not "
            f"train. Received: --{option}"
        )
    if options.penalty is not None and not options.instant:
        raise ValueError(
            "`--penalty` must be left out without `--instant`; training takes "
            "`--set token_embedding_l2=P`. "
            f"Received: --penalty {options.penalty}"
        )


def ensemble(options: argparse.Namespace) -> int | None:
    """Joins models to one."""
    start_tensorflow()
    from o2v_keras.training.ensemble import ensemble as join

    made = join(options.models, options.output, options.overwrite)
    parameters = made.count_params()
    print(
        f"ensemble of {len(options.models)} models, enc_dim "
        f"{made.config.enc_dim}, {parameters:,} parameters "
        f"({parameters * 4 / 1e6:,.1f} MB): {options.output}"
    )


def launch(options: argparse.Namespace) -> int | None:
    """Runs the workers of a training; returns their status."""
    from o2v_keras.training.distribute.launch import launch as run_workers

    return run_workers(
        options.train_command,
        options.workers,
        options.max_restarts,
        options.cluster,
    )


def evaluate(options: argparse.Namespace) -> int | None:
    """Prints metrics as JSON, and as a table to the standard error."""
    ranking = ranking_of(options)
    if not options.ranking:
        refuse_ranking(ranking, "`--ranking`")
    start_tensorflow()
    from o2v_keras.evaluation.evaluate import evaluate as score
    from o2v_keras.evaluation.rank import rank
    from o2v_keras.evaluation.ranking_metrics import metrics_table
    from o2v_keras.training.model_directory import load_model

    evaluation = rank if options.ranking else score
    model = load_model(options.model)
    if options.target_embedding_file:
        model.config = model.config.replace(
            target_embedding_file=options.target_embedding_file
        )
    scores = evaluation(
        model,
        options.data,
        training=options.training,
        columns=columns_of(options),
        allow_leaks=options.allow_leaks,
        **ranking,
    )
    columns = {"model": scores["metrics"], **scores["baselines"]}
    if options.ranking:
        print(_what_was_ranked(scores), file=sys.stderr)
    print(metrics_table(columns), file=sys.stderr)
    print(json.dumps(scores, indent=2))


def _what_was_ranked(counts):
    return (
        f"rows: {counts['rows']:,}, distinct queries: {counts['queries']:,} "
        f"(rows with equal ids are one), pairs: {counts['pairs']:,}, "
        f"candidates: {counts['candidates']:,}, left out as known: "
        f"{counts['excluded']:,} (a query's own ids: "
        f"{counts['excluded_own']:,})"
    )


def predict(options: argparse.Namespace) -> int | None:
    """Writes scores."""
    start_tensorflow()
    from o2v_keras.evaluation.inference import predict_scores
    from o2v_keras.storage.output_vectors import check_vector_path
    from o2v_keras.storage.output_vectors import write_vectors
    from o2v_keras.training.model_directory import load_model

    check_vector_path(options.output)
    model = load_model(options.model)
    scores = predict_scores(model, options.data, columns=columns_of(options))
    write_vectors(options.output, scores, "scores")
    print(f"{len(scores)} rows of scores: {options.output}")


def embed(options: argparse.Namespace) -> int | None:
    """Writes embeddings, or their codes."""
    start_tensorflow()
    from o2v_keras.evaluation import inference
    from o2v_keras.neighbors.row_values import read_ids
    from o2v_keras.neighbors.row_values import read_tokens
    from o2v_keras.storage.output_vectors import write_vector_search
    from o2v_keras.storage.output_vectors import write_vectors
    from o2v_keras.training.model_directory import load_model

    _check_embed_output(options)
    _check_precision(options)
    ids: Any = None
    restricts = {}
    if options.id_column:
        ids = read_ids(options.data, options.id_column)
    if options.format:
        names = options.restrict_columns or ()
        restricts = {name: read_tokens(options.data, name) for name in names}
    model = load_model(options.model)

    def embedded(data):
        return inference.embed(
            model,
            options.side,
            data,
            columns=columns_of(options),
            dim=options.dim,
        )

    embeddings = embedded(options.data)
    rows, ranges = len(embeddings), ""
    if options.precision != "float32":
        embeddings, ranges = _coded(embeddings, embedded, options)
    if options.format:
        write_vector_search(options.output, embeddings, ids, restricts)
    else:
        name = "embeddings" if ids is None else "embedding"
        write_vectors(options.output, embeddings, name, ids)
    print(f"{rows} embeddings: {options.output}{ranges}")


def _check_embed_output(options):
    from o2v_keras.storage.output_vectors import VECTOR_SEARCH_ENDINGS
    from o2v_keras.storage.output_vectors import check_vector_path

    if not options.format:
        if options.restrict_columns:
            raise ValueError(
                "`--restrict-columns` must be left out without `--format "
                "vector-search`. Received: --restrict-columns "
                f"{' '.join(options.restrict_columns)}"
            )
        check_vector_path(options.output, options.id_column is not None)
        return
    if options.id_column is None:
        raise ValueError(
            "`--id-column` must be given with `--format vector-search`, which "
            "finds objects by their ids."
        )
    if options.precision != "float32":
        raise ValueError(
            "`--precision` must be float32 with `--format vector-search`, "
            "which makes codes of its own. "
            f"Received: --precision {options.precision}"
        )
    check_vector_path(options.output, endings=VECTOR_SEARCH_ENDINGS)


def _check_precision(options):
    for name in ("calibration", "ranges"):
        if getattr(options, name) and options.precision == "float32":
            raise ValueError(
                f"`--{name}` must be left out without `--precision int8` or "
                f"`binary`. Received: --{name}"
            )


def _coded(embeddings, embedded, options):
    """Returns codes, and what to say of their ranges, which it writes."""
    from o2v_keras.storage.scalar_quantizer import ScalarQuantizer
    from o2v_keras.storage.scalar_quantizer import ranges_path

    if options.ranges:
        quantizer = ScalarQuantizer.load(options.ranges, options.precision)
    else:
        known = embeddings
        if options.calibration:
            known = embedded(options.calibration)
        quantizer = ScalarQuantizer.calibrated(known, options.precision)
    codes = quantizer.encode(embeddings)
    path = ranges_path(options.output)
    quantizer.save(path)
    outside = ""
    if options.precision == "int8":
        share = quantizer.share_outside(embeddings)
        outside = f" ({share:.2%} of numbers outside)"
    return codes, f"; ranges{outside}: {path}"
