"""The `o2v` commands: parse, call, print."""

import argparse
import importlib
import json
import os
import sys
import warnings

from o2v_keras.quiet_start import start_tensorflow

# How an interrupted command goes on.
_HINTS = {
    "train": "; go on with --resume",
    "convert": "; the same command goes on",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after `o2v`. Defaults to `None`: the process's own.

    Returns:
        The exit status: 0, 130 when interrupted, 75 when a connection was
        lost and the command may be given again, or 2 for a user's error,
        whose message goes to the standard error output.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("default", UserWarning)
        try:
            for module in options.modules:
                _import(module)
            return options.run(options) or 0
        except ConnectionError as error:
            print(f"o2v {options.command}: {error}", file=sys.stderr)
            return os.EX_TEMPFAIL
        except (ValueError, OSError, MemoryError) as error:
            print(f"o2v {options.command}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            hint = _HINTS.get(options.command, "")
            message = f"o2v {options.command}: interrupted{hint}"
            print(message, file=sys.stderr)
            return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="o2v", description="Object2Vec: embeddings of pairs of objects."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    check = _command(commands, "check", _check, "find what is wrong with data")
    check.add_argument("--data", nargs="+", required=True, metavar="F")
    check.add_argument("--hyperparameters", metavar="H.json")
    check.add_argument(
        "--training",
        action="store_true",
        help="check as training data: with negative sampling, labels are 1",
    )

    words = _command(
        commands, "vocabulary", _vocabulary, "number the words of texts"
    )
    source = words.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data",
        nargs="+",
        metavar="F",
        help=".jsonl, .csv, .tsv, each also .gz or .zst; .parquet",
    )
    source.add_argument(
        "--vocabulary", metavar="V", help="copy this vocabulary instead"
    )
    words.add_argument("--columns", nargs="+", metavar="C")
    words.add_argument(
        "--output",
        required=True,
        metavar="O",
        help='.json ({"word": id}) or .txt (a word a line)',
    )
    words.add_argument(
        "--min-count",
        type=int,
        default=1,
        metavar="N",
        help="leave out words that are there less often; default: 1",
    )
    words.add_argument(
        "--max-size",
        type=int,
        metavar="N",
        help="ids at most, those of padding and unknown words included",
    )
    words.add_argument(
        "--hash-buckets",
        type=int,
        default=0,
        metavar="N",
        help="ids for unknown words; default: 0, which means one",
    )
    words.add_argument(
        "--shift-ids",
        action="store_true",
        help="number a foreign vocabulary anew whose id 0 or 1 is a word",
    )

    converter = _command(
        commands, "convert", _convert, "write data as TFRecord shards"
    )
    converter.add_argument("--input", nargs="+", required=True, metavar="F")
    converter.add_argument("--output", required=True, metavar="DIR")
    converter.add_argument(
        "--shard-rows",
        type=int,
        default=1 << 18,
        metavar="N",
        help="rows of a shard; default: %(default)s",
    )
    converter.add_argument(
        "--compression", choices=["gzip"], help="default: plain files"
    )
    converter.add_argument(
        "--side", choices=("in0", "in1"), help="write this side only"
    )
    converter.add_argument(
        "--unlabelled", action="store_true", help="write no labels"
    )
    converter.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leave rows with errors out and write them to a side file",
    )

    trainer = _command(commands, "train", _train, "train a model")
    trainer.add_argument("--train", nargs="+", required=True, metavar="F")
    trainer.add_argument("--validation", nargs="+", metavar="F")
    trainer.add_argument("--test", nargs="+", metavar="F")
    trainer.add_argument("--hyperparameters", required=True, metavar="H.json")
    trainer.add_argument("--model-dir", required=True, metavar="DIR")
    trainer.add_argument(
        "--replicas",
        type=int,
        metavar="N",
        help="devices that share a batch; default: all GPUs, or the CPU",
    )
    trainer.add_argument(
        "--shard-by",
        choices=("row", "file"),
        default="row",
        help="how several workers share the training data; default: row",
    )
    directory = trainer.add_mutually_exclusive_group()
    directory.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in the model directory, if any",
    )
    directory.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the training in the model directory",
    )
    trainer.add_argument(
        "--initial-model", metavar="M", help="start from this model's weights"
    )
    trainer.add_argument(
        "--checkpoint-minutes",
        type=float,
        metavar="N",
        help="also write a checkpoint within an epoch, this often",
    )
    trainer.add_argument(
        "--steps-per-execution",
        type=int,
        metavar="N",
        help="steps between two looks of callbacks; default: 10 on one device",
    )
    trainer.add_argument(
        "--dtype-policy",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="in place of the hyperparameter dtype_policy",
    )
    trainer.add_argument(
        "--deterministic",
        action="store_true",
        help="only operations that give the same bits in every run",
    )
    trainer.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leave rows with errors out and write them to a side file",
    )

    trainer.add_argument(
        "--stream-rows",
        type=int,
        metavar="N",
        help="read training data in blocks of N rows; default: all in memory",
    )

    text = "run the workers of a training, and restart them when one dies"
    launcher = commands.add_parser(
        "launch",
        help=text,
        description=text,
        usage="o2v launch [--workers N] [--max-restarts N] -- train ...",
    )
    launcher.set_defaults(run=_launch, modules=[])
    launcher.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes on this machine; default: one, by TF_CONFIG",
    )
    launcher.add_argument(
        "--max-restarts", type=int, default=3, metavar="N", help="default: 3"
    )
    launcher.add_argument(
        "train_command",
        nargs="+",
        metavar="train ...",
        help="the training to run, as it is written after o2v",
    )

    scorer = _command(commands, "evaluate", _evaluate, "score labelled data")
    _model_and_data(scorer)

    predictor = _command(commands, "predict", _predict, "write scores")
    _model_and_data(predictor)
    _output(predictor)

    embedder = _command(commands, "embed", _embed, "write embeddings")
    _model_and_data(embedder)
    embedder.add_argument("--side", required=True, choices=("in0", "in1"))
    _output(embedder)
    return parser


def _command(commands, name, run, text):
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module that registers encoders or comparators",
    )
    return parser


def _import(module):
    sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"`--import` must name a module in this folder or an installed "
            f"one. Received: {module} ({error})"
        ) from None
    finally:
        sys.path.remove(os.getcwd())


def _model_and_data(parser):
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="model directory or .keras file",
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="F")


def _output(parser):
    parser.add_argument(
        "--output", required=True, metavar="O", help=".npy, .parquet, .jsonl"
    )


# Each command imports what it needs: TensorFlow takes seconds to start, and
# `check` does without.


def _check(options):
    from o2v_keras.config import Object2VecConfig
    from o2v_keras.data.checking.checks import check_pairs
    from o2v_keras.data.checking.size_proposal import proposal_text
    from o2v_keras.data.files.readers import read_pairs

    if any(".tfrecord" in path for path in options.data):
        start_tensorflow()
    result = read_pairs(options.data)
    config = None
    if options.hyperparameters:
        config = Object2VecConfig.from_hyperparameters(options.hyperparameters)
    report = check_pairs(
        result.table, config, result.rejected, options.training
    )
    print(report)
    print(proposal_text(result.table, config))
    return 2 if report.errors else 0


def _vocabulary(options):
    from o2v_keras.data.text.text_columns import read_texts
    from o2v_keras.data.text.vocabulary import Vocabulary
    from o2v_keras.data.text.vocabulary_files import check_vocabulary_path

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


def _convert(options):
    start_tensorflow()
    from o2v_keras.data.files.convert import convert

    convert(
        options.input,
        options.output,
        shard_rows=options.shard_rows,
        compression=options.compression,
        sides=[options.side] if options.side else ["in0", "in1"],
        label=not options.unlabelled,
        skip_bad_rows=options.skip_bad_rows,
    )


def _train(options):
    start_tensorflow()
    from o2v_keras import Object2VecConfig
    from o2v_keras import train

    config = Object2VecConfig.from_hyperparameters(options.hyperparameters)
    if options.dtype_policy:
        config = config.replace(dtype_policy=options.dtype_policy)
    train(
        config,
        options.train,
        options.validation,
        options.test,
        model_dir=options.model_dir,
        replicas=options.replicas,
        shard_by=options.shard_by,
        resume=options.resume,
        overwrite=options.overwrite,
        initial_model=options.initial_model,
        checkpoint_minutes=options.checkpoint_minutes,
        steps_per_execution=options.steps_per_execution,
        deterministic=options.deterministic,
        skip_bad_rows=options.skip_bad_rows,
        stream_rows=options.stream_rows,
    )


def _launch(options):
    from o2v_keras.training.launch import launch

    return launch(options.train_command, options.workers, options.max_restarts)


def _evaluate(options):
    start_tensorflow()
    from o2v_keras import evaluate
    from o2v_keras import load_model

    scores = evaluate(load_model(options.model), options.data)
    print(json.dumps(scores, indent=2))


def _predict(options):
    start_tensorflow()
    from o2v_keras import load_model
    from o2v_keras import predict_scores
    from o2v_keras.evaluation.vector_files import check_vector_path
    from o2v_keras.evaluation.vector_files import write_vectors

    check_vector_path(options.output)
    scores = predict_scores(load_model(options.model), options.data)
    write_vectors(options.output, scores, "scores")
    print(f"{len(scores)} rows of scores: {options.output}")


def _embed(options):
    start_tensorflow()
    from o2v_keras import embed
    from o2v_keras import load_model
    from o2v_keras.evaluation.vector_files import check_vector_path
    from o2v_keras.evaluation.vector_files import write_vectors

    check_vector_path(options.output)
    model = load_model(options.model)
    embeddings = embed(model, options.side, options.data)
    write_vectors(options.output, embeddings, "embeddings")
    print(f"{len(embeddings)} embeddings: {options.output}")


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
