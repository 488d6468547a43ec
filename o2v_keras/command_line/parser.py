"""The commands of `o2v` that need no other package, with their options."""

import functools

from o2v_keras.command import DATA
from o2v_keras.command import EMBEDDINGS
from o2v_keras.command import EVALUATE
from o2v_keras.command import TRAIN
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.command_line import commands
from o2v_keras.command_line import tuning_commands
from o2v_keras.command_line.beam_split_command import add_beam_split_command
from o2v_keras.command_line.embedding_commands import add_embedding_commands
from o2v_keras.command_line.mining_command import add_mining_options
from o2v_keras.command_line.mining_command import mine
from o2v_keras.command_line.option_groups import add_auxiliary
from o2v_keras.command_line.option_groups import add_dim
from o2v_keras.command_line.option_groups import add_model_and_data
from o2v_keras.command_line.option_groups import add_precision
from o2v_keras.command_line.option_groups import add_ranking_options
from o2v_keras.command_line.option_groups import add_resume_or_overwrite
from o2v_keras.command_line.option_groups import add_side
from o2v_keras.command_line.option_groups import add_vector_output
from o2v_keras.command_line.option_groups import refuse_input_as_output
from o2v_keras.command_line.pairs_commands import add_pairs_commands
from o2v_keras.data.beam.commands import add_beam_commands
from o2v_keras.data.job_options import add_check_options
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import add_hyperparameter_options
from o2v_keras.data.job_options import add_import_option
from o2v_keras.data.job_options import add_record_options
from o2v_keras.data.job_options import add_set_option
from o2v_keras.data.job_options import add_skip_option
from o2v_keras.data.job_options import add_vocabulary_options
from o2v_keras.data.job_options import import_modules
from o2v_keras.optional_packages import MissingExtraError
from o2v_keras.training.distribute.launch import CLUSTERS

_GROUPS = {
    "check": DATA,
    "vocabulary": DATA,
    "convert": DATA,
    "train": TRAIN,
    "fold-in": TRAIN,
    "tune": TRAIN,
    "mine": TRAIN,
    "ensemble": TRAIN,
    "evaluate": EVALUATE,
    "predict": EVALUATE,
    "card": EVALUATE,
    "embed": EMBEDDINGS,
    "index": EMBEDDINGS,
    "neighbors": EMBEDDINGS,
    "map": EMBEDDINGS,
}
# How an interrupted command is continued.
_INTERRUPTED = {
    "train": "go on with --resume",
    "tune": "go on with --resume",
    "convert": "the same command goes on",
}


def add_commands(subparsers: Commands) -> None:
    """Adds the commands."""
    check = _command(
        subparsers, "check", commands.check, "find what is wrong with data"
    )
    check.add_argument("--data", nargs="+", required=True, metavar="F")
    add_column_options(check)
    add_check_options(check)
    add_auxiliary(check)

    add_pairs_commands(subparsers)
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
        help="renumber a vocabulary whose id 0 or 1 is a word",
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
    add_column_options(converter)
    add_hyperparameter_options(converter)
    converter.add_argument(
        "--tokenizers",
        metavar="PATH",
        help="make ids of texts by those of a model directory, of a .keras "
        "file or of other shards; default: learn them",
    )
    add_auxiliary(converter)
    add_record_options(converter)

    _add_train(subparsers)
    _add_fold_in(subparsers)
    _add_ensemble(subparsers)
    text = "search for good hyperparameters"
    tuning_commands.add_tuning_options(
        _command(subparsers, "tune", tuning_commands.tune, text)
    )

    text = "write hard negatives: the nearest wrong partners"
    add_mining_options(_command(subparsers, "mine", mine, text))

    text = "run the workers of a training; restart them when one dies"
    launcher = subparsers.add(
        "launch",
        commands.launch,
        text,
        TRAIN,
        usage="o2v launch [--cluster NAME] [--workers N] [--max-restarts N] "
        "-- train ...",
    )
    launcher.add_argument(
        "--cluster",
        choices=CLUSTERS,
        help="what starts one launch for each worker and sets the variables "
        "that say which it is; default: local with --workers, otherwise "
        "TF_CONFIG says it",
    )
    launcher.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="local: processes on this machine; kubernetes: the Job's "
        "completions; otherwise left out",
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
    add_model_and_data(scorer)
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
    scorer.add_argument(
        "--target-embedding-file",
        metavar="F",
        help="the vectors that labels are rows of, for the head `embedding`; "
        "default: the file of the training",
    )
    add_ranking_options(scorer, "ranking", evaluates=True)

    predictor = _command(
        subparsers, "predict", commands.predict, "write scores"
    )
    add_model_and_data(predictor)
    add_vector_output(predictor)

    embedder = _command(subparsers, "embed", commands.embed, "write embeddings")
    add_model_and_data(embedder)
    add_side(embedder, required=True)
    add_dim(embedder)
    add_vector_output(embedder)
    embedder.add_argument(
        "--id-column",
        metavar="C",
        help="what names the objects: the output holds `id` and `embedding`",
    )
    embedder.add_argument(
        "--format",
        choices=("vector-search",),
        help="a .json file for Google's Vector Search; default: as O ends",
    )
    embedder.add_argument(
        "--restrict-columns",
        nargs="+",
        metavar="C",
        help="with vector-search: tokens by which searches can be restricted",
    )
    add_precision(embedder)
    ranges = embedder.add_mutually_exclusive_group()
    ranges.add_argument(
        "--calibration",
        nargs="+",
        metavar="F",
        help="objects to take the ranges of codes from, such as those of the "
        "training; default: the data",
    )
    ranges.add_argument(
        "--ranges",
        metavar="F",
        help="the .ranges.npz of earlier codes, to compare these with them",
    )
    add_embedding_commands(functools.partial(_command, subparsers))
    add_beam_commands(subparsers)
    add_beam_split_command(subparsers)


def _add_train(subparsers):
    parser = _command(subparsers, "train", commands.train, "train a model")
    parser.add_argument("--train", nargs="+", required=True, metavar="F")
    parser.add_argument("--validation", nargs="+", metavar="F")
    parser.add_argument("--test", nargs="+", metavar="F")
    add_column_options(parser)
    add_hyperparameter_options(parser)
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="hyperparameters for a kind of data: retrieval, ratings, "
        "classification, sentence-similarity, label-text or sagemaker (its "
        "defaults); default, without --hyperparameters: the one for the data",
    )
    parser.add_argument(
        "--validation-split",
        type=float,
        metavar="SHARE",
        help="hold this share of the training data out as validation data; "
        "default: 0; with a recipe and without --validation 0.1, which chooses "
        "the number of epochs before training on all rows",
    )
    parser.add_argument("--model-dir", required=True, metavar="DIR")
    parser.add_argument(
        "--replicas",
        type=int,
        metavar="N",
        help="devices that share a batch; default: all GPUs, or the CPU",
    )
    parser.add_argument(
        "--shard-by",
        choices=("row", "file"),
        default="row",
        help="how several workers share the training data; default: row",
    )
    add_resume_or_overwrite(parser, "training")
    parser.add_argument(
        "--initial-model", metavar="M", help="start from this model's weights"
    )
    add_auxiliary(parser)
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        metavar="N",
        help="also write a checkpoint within an epoch, this often",
    )
    parser.add_argument(
        "--steps-per-execution",
        type=int,
        metavar="N",
        help="steps between two looks of callbacks; default: 10 on one device",
    )
    parser.add_argument(
        "--dtype-policy",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="in place of the hyperparameter dtype_policy",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="only operations that give the same bits in every run",
    )
    add_skip_option(parser)
    parser.add_argument(
        "--monitor",
        metavar="METRIC",
        help="what early stopping watches, such as val_accuracy, val_ndcg@10 "
        "or val_spearman; default: the validation loss",
    )
    parser.add_argument(
        "--allow-leaks",
        action="store_true",
        help="score test pairs that are in the training data all the same",
    )
    parser.add_argument(
        "--stream-rows",
        type=int,
        metavar="N",
        help="read training data in blocks of N rows; default: all in memory",
    )
    add_ranking_options(parser, "for a --monitor that ranks")


def _add_ensemble(subparsers):
    text = "join models to one, whose scores are the mean of theirs"
    parser = _command(subparsers, "ensemble", commands.ensemble, text)
    parser.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="M",
        help="model directories or .keras files of the same head without MLP, "
        "vocabularies and tokenizers",
    )
    parser.add_argument("--output", required=True, metavar="DIR")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the model in the folder",
    )


def _add_fold_in(subparsers):
    text = "learn the embeddings of new ids, with all else frozen"
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
    folder.add_argument(
        "--instant",
        action="store_true",
        help="no training: the vectors that fit the records best, in closed "
        "form or by Newton's method",
    )
    folder.add_argument(
        "--penalty",
        type=float,
        metavar="P",
        help="with --instant: each record adds P times the squared length; "
        "default: from the model",
    )
    add_set_option(folder)
    folder.add_argument("--epochs", type=int, metavar="N")
    folder.add_argument("--learning-rate", type=float, metavar="R")
    add_resume_or_overwrite(folder, "training")
    add_skip_option(folder)


def _command(subparsers, name, run, text):
    parser = subparsers.add(
        name,
        functools.partial(_run, run),
        text,
        _GROUPS[name],
        interrupted=_INTERRUPTED.get(name, ""),
    )
    add_import_option(parser)
    return parser


def _run(action, options):
    try:
        import_modules(options)
        refuse_input_as_output(options)
        return action(options)
    except MissingExtraError as error:
        raise CommandError(error) from error
