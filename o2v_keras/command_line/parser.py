"""The words that `o2v` takes."""

import argparse

from o2v_keras.command_line import commands
from o2v_keras.command_line import embedding_commands
from o2v_keras.command_line import tuning_commands
from o2v_keras.data.job_options import add_check_options
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import add_record_options
from o2v_keras.data.job_options import add_skip_option
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
    check.add_argument(
        "--auxiliary",
        metavar="DIR",
        help="as of train; with --training and --hyperparameters",
    )

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
    add_skip_option(trainer)
    trainer.add_argument(
        "--monitor",
        metavar="METRIC",
        help="what early stopping watches, such as val_accuracy, val_ndcg@10 "
        "or val_spearman; default: the validation loss",
    )
    trainer.add_argument(
        "--allow-leaks",
        action="store_true",
        help="score test pairs that are in the training data all the same",
    )
    trainer.add_argument(
        "--stream-rows",
        type=int,
        metavar="N",
        help="read training data in blocks of N rows; default: all in memory",
    )

    _add_fold_in(subparsers)
    text = "search for good hyperparameters"
    tuning_commands.add_tuning_options(
        _command(subparsers, "tune", tuning_commands.tune, text)
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
    scorer.add_argument(
        "--training",
        nargs="+",
        metavar="F",
        help="what was trained with: gives baselines, and may hold no pair "
        "of the data; with --ranking its pairs are no candidates",
    )
    scorer.add_argument(
        "--allow-leaks",
        action="store_true",
        help="score pairs of the training data all the same",
    )
    _ranking_options(scorer)

    predictor = _command(
        subparsers, "predict", commands.predict, "write scores"
    )
    _model_and_data(predictor)
    _output(predictor)

    embedder = _command(subparsers, "embed", commands.embed, "write embeddings")
    _model_and_data(embedder)
    embedder.add_argument("--side", required=True, choices=("in0", "in1"))
    _output(embedder)
    _add_index(subparsers)
    _add_neighbors(subparsers)
    _add_map(subparsers)
    _add_card(subparsers)
    return parser


def _add_fold_in(subparsers):
    text = "train the embeddings of new ids, with all else frozen"
    folder = _command(subparsers, "fold-in", commands.fold_in, text)
    folder.add_argument(
        "--model", required=True, metavar="M", help="model directory"
    )
    folder.add_argument("--train", nargs="+", required=True, metavar="F")
    folder.add_argument("--validation", nargs="+", metavar="F")
    add_column_options(folder)
    folder.add_argument("--model-dir", required=True, metavar="DIR")
    for side in ("in0", "in1"):
        folder.add_argument(
            f"--first-new-{side}",
            type=int,
            metavar="ID",
            help="ids from this one on are new; default: those that the "
            "table is too small for",
        )
    folder.add_argument("--epochs", type=int, metavar="N")
    folder.add_argument("--learning-rate", type=float, metavar="R")
    directory = folder.add_mutually_exclusive_group()
    directory.add_argument("--resume", action="store_true")
    directory.add_argument("--overwrite", action="store_true")
    add_skip_option(folder)


def _add_index(subparsers):
    text = "make an index of embeddings, to find the nearest in"
    indexer = _command(subparsers, "index", embedding_commands.index, text)
    _model_and_data(indexer)
    indexer.add_argument("--side", required=True, choices=("in0", "in1"))
    _id_column(indexer, "what names the objects; default: the row's number")
    indexer.add_argument(
        "--metric",
        choices=("cosine", "dot", "euclidean"),
        default="cosine",
        help="default: %(default)s",
    )
    indexer.add_argument(
        "--backend",
        choices=("exact", "faiss", "usearch"),
        default="exact",
        help="default: exact; the others must be installed",
    )
    indexer.add_argument(
        "--output", metavar="DIR", help="default: index-SIDE beside the model"
    )


def _add_neighbors(subparsers):
    text = "find the nearest in an index"
    finder = _command(
        subparsers, "neighbors", embedding_commands.neighbors, text
    )
    finder.add_argument("--index", required=True, metavar="DIR")
    add_column_options(finder)
    queries = finder.add_mutually_exclusive_group(required=True)
    queries.add_argument(
        "--like", nargs="+", metavar="ID", help="objects of the index"
    )
    queries.add_argument("--data", nargs="+", metavar="F", help="new objects")
    finder.add_argument(
        "--side",
        choices=("in0", "in1"),
        help="side of the data; default: that of the index",
    )
    finder.add_argument(
        "--model", metavar="M", help="default: the model beside the index"
    )
    _id_column(finder, "what names the queries; default: the row's number")
    finder.add_argument(
        "--exclude-column",
        metavar="C",
        help="ids of the index that the row's answer leaves out",
    )
    finder.add_argument(
        "--top", type=int, metavar="N", help="neighbors of each; default: 10"
    )
    finder.add_argument(
        "--output", metavar="O", help=".jsonl, .parquet; default: print"
    )


def _add_map(subparsers):
    text = "show embeddings on a plane"
    mapper = _command(subparsers, "map", embedding_commands.map_, text)
    _model_and_data(mapper)
    mapper.add_argument("--side", required=True, choices=("in0", "in1"))
    _id_column(mapper, "what names the points; default: the row's number")
    mapper.add_argument("--group-column", metavar="C", help="what colours them")
    mapper.add_argument(
        "--method",
        choices=("pca", "tsne", "umap"),
        default="pca",
        help="default: %(default)s; umap must be installed",
    )
    mapper.add_argument(
        "--unit-length",
        action="store_true",
        help="scale embeddings to length 1 first, as cosine does",
    )
    mapper.add_argument("--title", metavar="T")
    mapper.add_argument(
        "--output",
        required=True,
        metavar="O",
        help=".html, .png, or a folder for TensorBoard's projector",
    )


def _add_card(subparsers):
    text = "write a model card of what a model directory holds"
    writer = _command(subparsers, "card", embedding_commands.card, text)
    writer.add_argument("--model", required=True, metavar="DIR")
    writer.add_argument("--data", nargs="+", metavar="F", help="for a map")
    add_column_options(writer)
    writer.add_argument(
        "--side",
        choices=("in0", "in1"),
        default="in0",
        help="side of the data; default: %(default)s",
    )
    _id_column(writer, "what names the points; default: the row's number")
    writer.add_argument("--group-column", metavar="C", help="what colours them")
    writer.add_argument(
        "--evaluation",
        metavar="F",
        help="JSON that `o2v evaluate` has printed, such as a ranking",
    )
    writer.add_argument(
        "--output", metavar="DIR", help="default: the model directory"
    )


def _id_column(parser, text):
    parser.add_argument("--id-column", metavar="C", help=text)


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


def _ranking_options(parser):
    ranking = parser.add_argument_group("ranking")
    ranking.add_argument(
        "--ranking",
        action="store_true",
        help="rank each pair's target among the whole corpus instead",
    )

    def add(name, **settings):
        ranking.add_argument(name, default=argparse.SUPPRESS, **settings)

    # Those given are passed on; `rank` has the defaults.
    add(
        "--corpus",
        nargs="+",
        metavar="F",
        help="candidates; default: all targets of the data and the training",
    )
    add("--query", choices=("in0", "in1"), help="default: in0")
    add(
        "--score",
        choices=("cosine", "dot", "head"),
        help="of the embeddings, or the head's; default: what the model "
        "compares them by, or cosine",
    )
    add("--at", nargs="+", type=int, metavar="K", help="default: 1 10 100")
    add(
        "--min-label",
        type=float,
        metavar="L",
        help="pairs labelled lower name no target; default: 1 for a model of "
        "two classes, otherwise all pairs name one",
    )
    add(
        "--keep-seen",
        action="store_true",
        help="keep pairs of the training data among the candidates",
    )
    add(
        "--filtered",
        action="store_true",
        help="rank each target without the query's other targets",
    )


def _output(parser):
    parser.add_argument(
        "--output", required=True, metavar="O", help=".npy, .parquet, .jsonl"
    )
