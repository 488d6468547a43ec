"""Options of jobs on data, for one machine's commands and for Beam's."""

import argparse
import os
import re
import sys
from collections.abc import Sequence

from o2v_keras.data.pair_columns import PairColumns

_NUMBER = re.compile(r"-(\d+|\d*\.\d+)")


def with_dashed_values(arguments: Sequence[str] | None) -> list[str]:
    """Returns words of which no value is taken for an option for its dash.

    All options are `-h` or begin with two dashes. What else begins with a
    dash is a path that is there, or the value of the option before it.

    Args:
        arguments: Words of the command line, or `None`: the process's own.

    Example:
    >>> with_dashed_values(["--output", "-new.npy", "--top", "-1"])
    ['--output=-new.npy', '--top', '-1']
    """
    words = []
    for word in sys.argv[1:] if arguments is None else arguments:
        single = re.match("-[^-]", word) and word != "-h"
        if not single or _NUMBER.fullmatch(word):
            words.append(word)
        elif os.path.lexists(word):
            words.append(os.path.join(os.curdir, word))
        elif words and re.fullmatch("--[^=]+", words[-1]):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def add_check_options(parser: argparse.ArgumentParser):
    """What data are held to."""
    parser.add_argument("--hyperparameters", metavar="H.json")
    parser.add_argument(
        "--training",
        action="store_true",
        help="check as training data: with negative sampling, labels are 1",
    )


def add_column_options(parser: argparse.ArgumentParser):
    """Which columns of the files hold a pair; `columns_of` reads them."""
    *pair, weight = PairColumns()
    for option, column in zip(
        ("--in0-column", "--in1-column", "--label-column"), pair, strict=True
    ):
        parser.add_argument(
            option,
            default=column,
            metavar="C",
            help="column, or JSON field, of the files; default: %(default)s"
            + ('; "" if every row is a positive' if column == "label" else ""),
        )
    parser.add_argument(
        "--weight-column",
        default=weight,
        metavar="C",
        help="how much a record counts; default: %(default)s, if there is "
        'such a column; "" if that one is something else',
    )


def columns_of(options: argparse.Namespace) -> PairColumns:
    """Returns the columns that options name."""
    return PairColumns(
        options.in0_column,
        options.in1_column,
        options.label_column or None,
        options.weight_column or None,
    )


def add_vocabulary_options(parser: argparse.ArgumentParser):
    """How a vocabulary is cut."""
    parser.add_argument(
        "--min-count",
        type=int,
        default=1,
        metavar="N",
        help="leave out words that are there less often; default: 1",
    )
    parser.add_argument(
        "--max-size",
        type=int,
        metavar="N",
        help="ids at most, those of padding and unknown words included",
    )
    parser.add_argument(
        "--hash-buckets",
        type=int,
        default=0,
        metavar="N",
        help="ids for unknown words; default: 0, which means one",
    )


def add_record_options(parser: argparse.ArgumentParser):
    """What TFRecord files hold."""
    parser.add_argument(
        "--compression", choices=["gzip"], help="default: plain files"
    )
    parser.add_argument(
        "--side", choices=("in0", "in1"), help="write this side only"
    )
    parser.add_argument(
        "--unlabelled", action="store_true", help="write no labels"
    )
    add_skip_option(parser)


def add_skip_option(parser: argparse.ArgumentParser):
    """Whether rows with errors may be left out, and how many."""
    parser.add_argument(
        "--skip-bad-rows",
        nargs="?",
        type=float,
        const=True,
        default=False,
        metavar="SHARE",
        help="leave rows with errors out and write them to a side file; stop "
        "if they are more than this share of the rows; default: 0.01",
    )
