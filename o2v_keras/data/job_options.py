"""Options of jobs on data, for one machine's commands and for Beam's."""

import argparse
from collections.abc import Mapping

from o2v_keras.config.json_object import read_json_object
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.registry import import_registering


def add_import_option(parser: argparse.ArgumentParser):
    """Modules of the user; `import_modules` imports them."""
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module that registers encoders or comparators",
    )


def import_modules(options: argparse.Namespace) -> None:
    """Imports the modules of `--import`; raises `ValueError` if it fails."""
    for module in options.modules:
        import_registering(module)


def add_check_options(parser: argparse.ArgumentParser):
    """What data are held to."""
    add_hyperparameter_options(parser)
    parser.add_argument(
        "--training",
        action="store_true",
        help="check as training data: with negative sampling, labels are 1",
    )


def add_hyperparameter_options(parser: argparse.ArgumentParser):
    """What a model is made by; `hyperparameters_of` reads them."""
    parser.add_argument("--hyperparameters", metavar="H.json")
    add_set_option(parser)


def add_set_option(parser: argparse.ArgumentParser):
    """Single hyperparameters; `changes_of` reads them."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a hyperparameter, in place of what is given otherwise; may be "
        "repeated",
    )


def changes_of(options: argparse.Namespace) -> dict[str, str]:
    """Returns the hyperparameters of `--set`, strings as SageMaker's are.

    Raises:
        ValueError: If an option has another form, or a name comes twice.
    """
    changes = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"`--set` must be NAME=VALUE. Received: {text}")
        if name in changes:
            raise ValueError(f"`--set` must give {name} only once.")
        changes[name] = value
    return changes


def hyperparameters_of(
    options: argparse.Namespace,
) -> Mapping[str, object] | None:
    """Returns the hyperparameters that options give, `None` without any.

    Raises:
        ValueError: If the file cannot be read, or as `changes_of`.
    """
    changes = changes_of(options)
    if options.hyperparameters:
        content = read_json_object(options.hyperparameters, "hyperparameters")
        return {**content, **changes}
    return changes or None


def required_hyperparameters(
    options: argparse.Namespace,
) -> Mapping[str, object]:
    """As `hyperparameters_of`; raises `ValueError` where there are none."""
    hyperparameters = hyperparameters_of(options)
    if hyperparameters is None:
        raise ValueError(
            "`--hyperparameters` must be given, or `--set` for each "
            "hyperparameter that is needed."
        )
    return hyperparameters


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
