"""Options that several commands and Beam jobs share."""

import argparse
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.json_object import read_json_object
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.registry import import_network
from o2v_keras.registry import import_registering


def add_import_option(parser: argparse.ArgumentParser):
    """Adds `--import`; `import_modules` reads it."""
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module that registers comparators or tokenizers",
    )


def import_modules(options: argparse.Namespace) -> None:
    """Imports a user's modules: those of `--import`, and a model's encoders.

    `load_model` imports nothing that a file names. A command does: its user
    named the encoder's class in the hyperparameters.

    Raises:
        ValueError: If a module or class is not there.
    """
    for module in options.modules:
        import_registering(module)
    for option in ("model", "initial_model"):
        path = getattr(options, option, None)
        for network in _networks(path) if path else ():
            import_network(network)


def _networks(path):
    """Returns the networks of a saved model, none if it cannot be read."""
    path = pathlib.Path(path)
    file = path / "model.keras" if path.is_dir() else path
    try:
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
        values = config["config"]["config"]
        networks = {values["enc0_network"], values["enc1_network"]}
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return []  # Loading it will say what is wrong.
    # A class of a notebook or a script.
    return sorted(n for n in networks if not n.startswith("__main__:"))


def add_check_options(parser: argparse.ArgumentParser):
    """Adds the options of a check."""
    add_hyperparameter_options(parser)
    parser.add_argument(
        "--training",
        action="store_true",
        help="check as training data: with negative sampling, labels are 1",
    )


def add_hyperparameter_options(parser: argparse.ArgumentParser):
    """Adds the hyperparameters; `config_of` reads them."""
    parser.add_argument("--hyperparameters", metavar="H.json")
    add_set_option(parser)


def add_set_option(parser: argparse.ArgumentParser):
    """Adds `--set`; `changes_of` reads it."""
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
) -> dict[str, Any] | None:
    """Returns the hyperparameters that options give, `None` without any.

    Raises:
        ValueError: If the file cannot be read, or `--set` has another form.
    """
    changes = changes_of(options)
    if options.hyperparameters:
        content = read_json_object(options.hyperparameters, "hyperparameters")
        return {**content, **changes}
    return changes or None


def config_of(options: argparse.Namespace) -> Object2VecConfig | None:
    """Returns the configuration that options give, `None` without any.

    Raises:
        ValueError: If the file cannot be read, `--set` has another form, or a
            hyperparameter breaks its rule.
    """
    given = hyperparameters_of(options)
    return Object2VecConfig.from_hyperparameters(given) if given else None


def required_hyperparameters(
    options: argparse.Namespace,
) -> Mapping[str, Any]:
    """Returns the hyperparameters that options give.

    Raises:
        ValueError: If there are none, the file cannot be read, or `--set` has
            another form.
    """
    hyperparameters = hyperparameters_of(options)
    if hyperparameters is None:
        raise ValueError(
            "`--hyperparameters` must be given, or `--set` for each "
            "hyperparameter that is needed."
        )
    return hyperparameters


def required_config(options: argparse.Namespace) -> Object2VecConfig:
    """Returns the configuration that options give.

    Raises:
        ValueError: If they give no hyperparameters, or faulty ones.
    """
    return Object2VecConfig.from_hyperparameters(
        required_hyperparameters(options)
    )


def add_skip_option(parser: argparse.ArgumentParser):
    """Adds `--skip-bad-rows`."""
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
    """Adds the names of the columns; `columns_of` reads them."""
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
    """Adds the limits of a vocabulary."""
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
    """Adds the options of TFRecord shards."""
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
