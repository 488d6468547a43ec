"""Options that several `o2v` commands share, each defined once."""

import argparse
import contextlib
import os
from collections.abc import Mapping
from typing import Any

from o2v_keras.data.job_options import add_column_options

# Options that name files to read.
_INPUTS = (
    "data",
    "input",
    "train",
    "validation",
    "test",
    "corpus",
    "known",
    "hyperparameters",
    "vocabulary",
    "evaluation",
    "calibration",
    "ranges",
)
_RANKING = (
    "corpus",
    "query",
    "score",
    "min_label",
    "keep_seen",
    "exclude_own",
    "given_candidates",
)
_RANKING_OF_EVALUATE = (*_RANKING, "at", "filtered")


def refuse_input_as_output(options: argparse.Namespace) -> None:
    """Raises `ValueError` where a command would write over what it reads."""
    output = getattr(options, "output", None)
    if not output or not os.path.isfile(output):
        return
    for name in _INPUTS:
        given = getattr(options, name, None) or ()
        for path in [given] if isinstance(given, str) else given:
            if any(os.path.samefile(file, output) for file in _files(path)):
                raise ValueError(
                    f"`--output` must be another file than those of `--{name}`,"
                    f" which it would replace. Received: {output}"
                )


def _files(path):
    """The local files of a path; the command itself reports faults."""
    from o2v_keras.data.data_error import DataError
    from o2v_keras.data.read.file_system import is_remote
    from o2v_keras.data.read.paths import expand_paths

    with contextlib.suppress(DataError):
        return [] if is_remote(path) else expand_paths(path)
    return []


def add_model_and_data(parser: argparse.ArgumentParser):
    """Adds a model and the data for it."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="model directory or .keras file",
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="F")
    add_column_options(parser)


def add_side(parser: argparse.ArgumentParser, **settings: Any):
    """Adds `--side`, with further settings of `add_argument`."""
    parser.add_argument("--side", choices=("in0", "in1"), **settings)


def add_dim(parser: argparse.ArgumentParser):
    """Adds the width of embeddings."""
    parser.add_argument(
        "--dim",
        type=int,
        metavar="D",
        help="width of the embeddings; good ones are of matryoshka_dims; "
        "default: enc_dim",
    )


def add_vector_output(parser: argparse.ArgumentParser):
    """Adds the file of scores or embeddings."""
    parser.add_argument(
        "--output", required=True, metavar="O", help=".npy, .parquet, .jsonl"
    )


def add_precision(parser: argparse.ArgumentParser):
    """Adds the precision of embeddings."""
    parser.add_argument(
        "--precision",
        choices=("float32", "int8", "binary"),
        default="float32",
        help="int8 and binary take a quarter and a thirty-second of the "
        "space; default: %(default)s",
    )


def add_id_column(
    parser: argparse.ArgumentParser, what: str, has_groups: bool = False
):
    """Adds the column of the rows' names, and on request that of groups."""
    parser.add_argument(
        "--id-column",
        metavar="C",
        help=f"what names the {what}; default: the row's number",
    )
    if has_groups:
        parser.add_argument(
            "--group-column", metavar="C", help="what colours them"
        )


def add_auxiliary(parser: argparse.ArgumentParser):
    """Adds the folder of files that hyperparameters name."""
    parser.add_argument(
        "--auxiliary",
        metavar="DIR",
        help="folder of pretrained vectors and vocabularies that "
        "hyperparameters name; default: the working directory",
    )


def add_resume_or_overwrite(parser: argparse.ArgumentParser, what: str):
    """Adds what happens to a folder that is in use."""
    directory = parser.add_mutually_exclusive_group()
    directory.add_argument(
        "--resume",
        action="store_true",
        help=f"resume the {what} in the folder, if any",
    )
    directory.add_argument(
        "--overwrite",
        action="store_true",
        help=f"replace the {what} in the folder",
    )


def add_ranking_options(
    parser: argparse.ArgumentParser, title: str, evaluates: bool = False
):
    """Adds the options of a ranking; `ranking_of` reads them.

    Args:
        parser: Parser of a command.
        title: Title of the group in the help.
        evaluates: Whether to add what only `o2v evaluate` has: `--ranking`,
            `--at` and `--filtered`. Defaults to `False`.
    """
    group = parser.add_argument_group(title)

    def add(name, **settings: Any):
        # Options that are not given are absent: `rank` has the defaults.
        group.add_argument(name, default=argparse.SUPPRESS, **settings)

    if evaluates:
        group.add_argument(
            "--ranking",
            action="store_true",
            help="rank each pair's target among the whole corpus instead",
        )
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
        help="keep pairs of the training data, and a bag's own items, among "
        "the candidates",
    )
    add(
        "--exclude-own",
        action="store_true",
        help="leave out candidates that are one id of the query, a bag of "
        "items; default: where both sides are ids of one tied table",
    )
    add(
        "--given-candidates",
        action="store_true",
        help="rank among the objects of the query's own rows only; those "
        "labelled lower than --min-label are no targets",
    )
    if evaluates:
        add("--at", nargs="+", type=int, metavar="K", help="default: 1 10 100")
        add(
            "--filtered",
            action="store_true",
            help="rank each target without the query's other targets",
        )


def ranking_of(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the arguments of `rank` that the user gives."""
    given = vars(options)
    return {n: given[n] for n in _RANKING_OF_EVALUATE if n in given}


def refuse_ranking(ranking: Mapping[str, Any], needed: str):
    """Raises `ValueError` if options of a ranking have no effect.

    Args:
        ranking: Result of `ranking_of`.
        needed: The option that they need, for the message.
    """
    if ranking:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in ranking)
        raise ValueError(f"{needed} must be given with {words}.")
