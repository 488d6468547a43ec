"""The commands `o2v pairs`: from logs to pairs."""

import argparse
import glob
import inspect
from typing import Any

from o2v_keras.command import DATA
from o2v_keras.command import Commands
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import add_skip_option
from o2v_keras.data.job_options import columns_of

# Argument of a function of `o2v_keras.pairs` -> its option, if the option is
# called otherwise.
OPTIONS = {
    "user": "--user-column",
    "item": "--item-column",
    "value": "--value-column",
    "time": "--time-column",
    "weight": "--weight-column",
    "basket": "--basket-column",
    "session": "--session-column",
    "text": "--text-column",
    "label": "--label-columns",
    "group": "--group-column",
    "user_features": "--user-feature-columns",
    "item_features": "--item-feature-columns",
    "validation_source": "--validation-input",
    "test_source": "--test-input",
    "header": "--no-header",
    "source": "--input",
    "kind": "--split",
}
_SHARES = "a share below 1, or a number; default: 0.1"


def add_pairs_commands(commands: Commands) -> None:
    """Adds `o2v pairs interactions` and its peers."""
    for name, (text, add_options) in _COMMANDS.items():
        parser = commands.add(
            f"pairs {name}",
            lambda options, name=name: _run(name, options),
            text,
            DATA,
            arguments=OPTIONS,
        )
        parser.add_argument("--input", nargs="+", required=True, metavar="F")
        parser.add_argument(
            "--output",
            required=True,
            metavar="DIR",
            help="new folder, or one of pairs, which are replaced: train.jsonl "
            "and, of what is held out, validation.jsonl and test.jsonl",
        )
        add_options(_Adder(parser))


class _Adder:
    """Adds options; those that are not given are absent."""

    def __init__(self, parser):
        self.parser = parser

    def __call__(self, name, text=None, **settings: Any):
        option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
        settings = {"default": argparse.SUPPRESS, **settings}
        self.parser.add_argument(option, dest=name, help=text, **settings)


def _run(name, options):
    from o2v_keras import pairs
    from o2v_keras.pairs.holdout import PARTS
    from o2v_keras.pairs.result import check_format
    from o2v_keras.pairs.result import check_output

    function = getattr(pairs, name)
    given = vars(options)
    names = inspect.signature(function).parameters
    arguments = {n: given[n] for n in names if n in given}
    if "columns" in names:
        arguments["columns"] = columns_of(options)
    if options.format is not None:
        check_format(options.format)
    others = [
        arguments.get(f"{part}_source") for part in ("validation", "test")
    ]
    check_output(options.output, options.input, *others)
    made = function(options.input, **arguments)
    format_ = {"format": options.format} if options.format else {}
    print(made.write(options.output, **format_))
    for part in PARTS:
        for file in glob.glob(f"{glob.escape(options.output)}/{part}.*"):
            print(f"{part}: {file}")


def _add_column(add, name, text=None, **settings):
    add(name, text, metavar="C", **settings)


def _add_interactions(add):
    for name in ("user", "item"):
        _add_column(add, name, f"{name}s: texts or whole numbers")
    _add_column(add, "value", "ratings, say: labels, or see --positive-from")
    _add_column(add, "time", "numbers, or dates and times")
    _add_column(add, "weight", "how much a row counts")
    for side in ("user", "item"):
        text = f"columns whose values become tokens of the {side}"
        _add_column(add, f"{side}_features", text, nargs="+")
    add(
        "positive_from",
        "least value of a positive, labelled 1; smaller ones are dropped",
        type=float,
        metavar="V",
    )
    add(
        "negative_to",
        "largest value of a negative, labelled 0; only values between are "
        "dropped",
        type=float,
        metavar="V",
    )
    add(
        "user_as",
        "in0: the user, a bag of other items of the user, or both; default: id",
        choices=("id", "items", "id+items"),
    )
    add(
        "item_as",
        "in1, likewise; default: id",
        choices=("id", "users", "id+users"),
    )
    _add_number(add, "bag_size", "most members of a bag; default: 50")
    _add_number(add, "draws", "bags of each training pair; default: 1")
    add("earlier", "bags hold only what was earlier", action="store_true")
    add(
        "weights",
        "weights of pairs: the number of their rows (the sum of "
        "--weight-column), or the logarithm of 1 plus that; default: none",
        choices=("count", "log"),
    )
    _add_number(add, "min_items", "least items of a user; default: 1")
    _add_number(add, "min_users", "least users of an item; default: 1")
    text = "most items of a user, the latest or any; default: 5000"
    _add_number(add, "max_items", text)
    _add_split(
        add,
        ("random", "user", "user-time", "time", "cold-users", "cold-items"),
        "hold out any pairs, some of each user (the last), the last of all, or "
        "all of some users or items; default: nothing",
    )
    for part in ("validation", "test"):
        text = f"log of the {part} data, in place of --split"
        add(f"{part}_source", text, nargs="+", metavar="F")
    _add_ids(add)
    _add_reading(add, "item", "user followed by items")


def _add_baskets(add):
    _add_column(add, "basket", "default: each row is a basket")
    _add_column(add, "item", "items, or lists of items")
    add(
        "rest",
        "in0 is the rest of the basket, in1 an item",
        action="store_true",
    )
    _add_number(add, "bag_size", "most items of a rest; default: 50")
    add(
        "weights",
        "weights of pairs of items: the number of baskets with both, the "
        "logarithm of 1 plus that, or pointwise mutual information; default: "
        "count",
        choices=("count", "log", "pmi", "none"),
    )
    _add_number(
        add, "min_count", "least baskets of a pair of items; default: 1"
    )
    _add_number(add, "min_baskets", "least baskets of an item; default: 1")
    _add_number(add, "max_items", "most items of a basket; default: 100")
    text = "hold out pairs of items, or with --rest baskets; default: nothing"
    _add_split(add, ("random", "baskets"), text)
    _add_ids(add)
    _add_reading(add, "item", "basket")


def _add_labels(add):
    _add_column(add, "text", required=True)
    _add_column(
        add, "label", "labels, or lists of labels", nargs="+", required=True
    )
    text = "pairs with other labels for each pair, labelled 0; default: 0"
    _add_number(add, "negatives", text)
    _add_number(add, "min_texts", "least texts of a label; default: 1")
    _add_split(add, ("texts",), "hold out texts; default: nothing")
    _add_number(add, "seed", "default: 0")
    _add_reading(add, "label")


def _add_sequences(add):
    _add_column(add, "session", "or user; default: each row is a session")
    _add_column(add, "item", "items, or lists of items")
    _add_column(
        add, "time", "numbers, or dates and times; default: rows' order"
    )
    _add_number(add, "window", "most items before an item; default: 10")
    _add_number(add, "min_sessions", "least sessions of an item; default: 1")
    text = "most items of a session, the last; default: 1000"
    _add_number(add, "max_items", text)
    _add_split(
        add,
        ("sessions", "last", "time"),
        "hold out sessions, the last items of each, or the last of all; "
        "default: nothing",
    )
    _add_ids(add)
    _add_reading(add, "item", "session")


def add_split_options(parser: argparse.ArgumentParser):
    """Adds the options of a split of pairs; those not given are absent."""
    add = _Adder(parser)
    _add_split(
        add,
        ("random", "group", "within", "time", "within-time"),
        "hold out any pairs, groups, some rows of each group, the last of all, "
        "or the last of each group; default: random",
        "kind",
    )
    _add_column(add, "group", "of group and within, such as the users")
    _add_column(add, "time", "numbers, or dates and times")
    add_column_options(parser)
    _add_number(add, "seed", "default: 0")


def _add_split_pairs(add):
    add_split_options(add.parser)
    add.parser.set_defaults(format=None)


def _add_number(add, name, text):
    add(name, text, type=int, metavar="N")


def _add_split(add, choices, text, name="split"):
    add(name, text, choices=choices)
    for part in ("validation", "test"):
        add(part, _SHARES, type=float, metavar="X")


def _add_ids(add):
    text = "default: numbers, if all are whole numbers without large gaps"
    add("ids", text, choices=("numbers", "names"))
    _add_number(add, "seed", "default: 0")


def _add_reading(add, many, line=""):
    if line:
        add("lines", f"each line of the input is a {line}", action="store_true")
    add(
        "separator",
        'what stands between columns, such as tab, "," or "::"; default: what '
        "the ending says",
        metavar="S",
    )
    add(
        "header",
        "the first line names no columns: they are 1, 2, ...",
        action="store_false",
    )
    text = f"what stands between several {many}s in a field"
    add(f"{many}_separator", text, metavar="S")
    add_skip_option(add.parser)
    add.parser.add_argument(
        "--format",
        choices=("jsonl", "parquet", "csv"),
        help="of the output; default: jsonl",
    )


_COMMANDS = {
    "interactions": (
        "make pairs of users and items, or of bags of items",
        _add_interactions,
    ),
    "baskets": ("make pairs of items that are in a basket", _add_baskets),
    "labels": ("make pairs of labels and texts, with negatives", _add_labels),
    "sequences": ("make pairs of previous items and the next", _add_sequences),
    "split": ("divide pairs into training and test", _add_split_pairs),
}
