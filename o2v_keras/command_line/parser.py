"""The words that `o2v` takes."""

import argparse

from o2v_keras.command_line import commands
from o2v_keras.data.job_options import add_check_options
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import add_record_options
from o2v_keras.data.job_options import add_vocabulary_options


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser; `run` of what it parses is the command's action."""
    parser = argparse.ArgumentParser(
        prog="o2v", description="Object2Vec: embeddings of pairs of objects."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)

    check = _command(
        subparsers, "check", commands.check, "find what is wrong with data"
    )
    check.add_argument("--data", nargs="+", required=True, metavar="F")
    add_column_options(check)
    add_check_options(check)

    words = _command(
        subparsers,
        "vocabulary",
        commands.vocabulary,
        "number the words of texts",
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
    add_vocabulary_options(words)
    words.add_argument(
        "--shift-ids",
        action="store_true",
        help="number a foreign vocabulary anew whose id 0 or 1 is a word",
    )

    converter = _command(
        subparsers, "convert", commands.convert, "write data as TFRecord shards"
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
    add_record_options(converter)

    trainer = _command(subparsers, "train", commands.train, "train a model")
    trainer.add_argument("--train", nargs="+", required=True, metavar="F")
    trainer.add_argument("--validation", nargs="+", metavar="F")
    trainer.add_argument("--test", nargs="+", metavar="F")
    add_column_options(trainer)
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
        "--auxiliary",
        metavar="DIR",
        help="folder of pretrained vectors and vocabularies that "
        "hyperparameters name; default: the working directory",
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
    launcher = subparsers.add_parser(
        "launch",
        help=text,
        description=text,
        usage="o2v launch [--workers N] [--max-restarts N] -- train ...",
    )
    launcher.set_defaults(run=commands.launch, modules=[])
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

    scorer = _command(
        subparsers, "evaluate", commands.evaluate, "score labelled data"
    )
    _model_and_data(scorer)

    predictor = _command(
        subparsers, "predict", commands.predict, "write scores"
    )
    _model_and_data(predictor)
    _output(predictor)

    embedder = _command(subparsers, "embed", commands.embed, "write embeddings")
    _model_and_data(embedder)
    embedder.add_argument("--side", required=True, choices=("in0", "in1"))
    _output(embedder)
    return parser


def _command(subparsers, name, run, text):
    parser = subparsers.add_parser(name, help=text, description=text)
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


def _model_and_data(parser):
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="model directory or .keras file",
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="F")
    add_column_options(parser)


def _output(parser):
    parser.add_argument(
        "--output", required=True, metavar="O", help=".npy, .parquet, .jsonl"
    )
