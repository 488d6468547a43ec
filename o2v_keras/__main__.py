"""The `o2v` commands: parse, call, print."""

import argparse
import importlib
import json
import os
import sys
import warnings

from o2v_keras.quiet_start import start_tensorflow


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after `o2v`. Defaults to `None`: the process's own.

    Returns:
        The exit status: 0, 130 when interrupted, or 2 for a user's error,
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
        except (ValueError, OSError, MemoryError) as error:
            print(f"o2v {options.command}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            hint = "; go on with --resume" if options.command == "train" else ""
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
    from o2v_keras.data.checks import check_pairs
    from o2v_keras.data.readers import read_pairs
    from o2v_keras.data.size_proposal import propose_sizes

    result = read_pairs(options.data)
    config = None
    if options.hyperparameters:
        config = Object2VecConfig.from_hyperparameters(options.hyperparameters)
    report = check_pairs(
        result.table, config, result.rejected, options.training
    )
    copies = config is not None and config.enc1_network == "enc0"
    sizes = propose_sizes(result.table, enc1_copies_enc0=copies)
    if config is None:
        # Sizes of its own are accepted only beside a network of its own.
        sizes["enc1_network"] = "hcnn"
    print(report)
    print("hyperparameters that fit the data:")
    print(json.dumps(sizes, indent=2))
    return 2 if report.errors else 0


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
        resume=options.resume,
        overwrite=options.overwrite,
        initial_model=options.initial_model,
        checkpoint_minutes=options.checkpoint_minutes,
        steps_per_execution=options.steps_per_execution,
        deterministic=options.deterministic,
        skip_bad_rows=options.skip_bad_rows,
    )


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
