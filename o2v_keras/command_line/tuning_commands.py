"""The command `o2v tune`."""

import argparse

from o2v_keras.command_line.option_groups import add_auxiliary
from o2v_keras.command_line.option_groups import add_ranking_options
from o2v_keras.command_line.option_groups import add_resume_or_overwrite
from o2v_keras.command_line.option_groups import ranking_of
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import add_hyperparameter_options
from o2v_keras.data.job_options import columns_of
from o2v_keras.data.job_options import required_hyperparameters
from o2v_keras.start_tensorflow import start_tensorflow


def add_tuning_options(parser: argparse.ArgumentParser):
    """Adds the options of `o2v tune`."""
    parser.add_argument("--train", nargs="+", required=True, metavar="F")
    parser.add_argument(
        "--validation",
        nargs="+",
        required=True,
        metavar="F",
        help="what chooses epoch and trial; keep test data out",
    )
    add_column_options(parser)
    add_hyperparameter_options(parser)
    parser.add_argument(
        "--directory", required=True, metavar="DIR", help="of the search"
    )
    parser.add_argument(
        "--best-model-dir",
        metavar="DIR",
        help="copy the best trial's model directory here",
    )
    parser.add_argument(
        "--search",
        choices=("random", "hyperband", "bayesian"),
        default="random",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--objective",
        metavar="M",
        help="validation:accuracy, val_ndcg@10, ...; default: val_loss, of "
        "cosent val_spearman",
    )
    parser.add_argument(
        "--max-trials", type=int, metavar="N", help="default: 20"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="default: 0"
    )
    add_auxiliary(parser)
    add_resume_or_overwrite(parser, "search")
    _add_ranges(parser)
    add_ranking_options(parser, "for an objective that ranks")


def _add_ranges(parser):
    group = parser.add_argument_group(
        "ranges",
        "By default all that SageMaker recommends to search and that is not "
        "fixed is searched, in SageMaker's ranges, of which some are wide.",
    )
    group.add_argument(
        "--only-ranges",
        action="store_true",
        help="search the given ranges and choices alone",
    )
    group.add_argument(
        "--ranges",
        metavar="R.json",
        help="SageMaker's ParameterRanges: search these alone",
    )
    group.add_argument(
        "--range",
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH[:log]",
        help="search this range",
    )
    group.add_argument(
        "--choice",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="search among these",
    )


def tune(options: argparse.Namespace) -> int | None:
    """Searches for hyperparameters."""
    start_tensorflow()
    from o2v_keras.tuning.ranges import parse_choice
    from o2v_keras.tuning.ranges import parse_range
    from o2v_keras.tuning.ranges import read_parameter_ranges
    from o2v_keras.tuning.tune import tune as search

    ranges = {}
    if options.ranges:
        ranges.update(read_parameter_ranges(options.ranges))
    ranges.update(map(parse_range, options.range))
    ranges.update(map(parse_choice, options.choice))
    search(
        required_hyperparameters(options),
        options.train,
        options.validation,
        directory=options.directory,
        ranges=ranges,
        default_ranges=not (options.ranges or options.only_ranges),
        objective=options.objective,
        search=options.search,
        max_trials=options.max_trials,
        seed=options.seed,
        resume=options.resume,
        overwrite=options.overwrite,
        best_model_dir=options.best_model_dir,
        columns=columns_of(options),
        auxiliary=options.auxiliary,
        ranking=ranking_of(options),
    )
