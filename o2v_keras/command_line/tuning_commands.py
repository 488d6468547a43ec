"""The command `o2v tune`."""

import argparse

from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import columns_of
from o2v_keras.quiet_start import start_tensorflow

_RANKING = ("corpus", "query", "score", "min_label")


def add_tuning_options(parser: argparse.ArgumentParser):
    """Adds the words that `tune` takes."""
    parser.add_argument("--train", nargs="+", required=True, metavar="F")
    parser.add_argument(
        "--validation",
        nargs="+",
        required=True,
        metavar="F",
        help="what chooses epoch and trial; keep test data out",
    )
    add_column_options(parser)
    parser.add_argument(
        "--hyperparameters",
        required=True,
        metavar="H.json",
        help="those that are fixed",
    )
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
        default="val_loss",
        metavar="M",
        help="validation:accuracy, val_ndcg@10, ...; default: %(default)s",
    )
    parser.add_argument(
        "--max-trials", type=int, metavar="N", help="default: 20"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="default: 0"
    )
    parser.add_argument("--auxiliary", metavar="DIR", help="as in o2v train")
    directory = parser.add_mutually_exclusive_group()
    directory.add_argument(
        "--resume",
        action="store_true",
        help="go on with the search in the directory, if any",
    )
    directory.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the search in the directory",
    )
    _add_ranges(parser)
    _add_ranking(parser)


def _add_ranges(parser):
    group = parser.add_argument_group(
        "ranges",
        "By default all that SageMaker recommends to search and that is not "
        "fixed is searched, in SageMaker's ranges.",
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


def _add_ranking(parser):
    group = parser.add_argument_group("for an objective that ranks")
    group.add_argument(
        "--corpus",
        nargs="+",
        metavar="F",
        help="candidates; default: all targets of both data",
    )
    group.add_argument("--query", choices=("in0", "in1"), help="default: in0")
    group.add_argument(
        "--score", choices=("cosine", "dot", "head"), help="default: cosine"
    )
    group.add_argument(
        "--min-label", type=float, metavar="L", help="as in o2v evaluate"
    )


def tune(options: argparse.Namespace) -> int | None:
    """Searches for hyperparameters."""
    start_tensorflow()
    from o2v_keras.tuning.parameter_ranges import parse_choice
    from o2v_keras.tuning.parameter_ranges import parse_range
    from o2v_keras.tuning.parameter_ranges import read_parameter_ranges
    from o2v_keras.tuning.tune import tune as search

    ranges = {}
    if options.ranges:
        ranges.update(read_parameter_ranges(options.ranges))
    ranges.update(map(parse_range, options.range))
    ranges.update(map(parse_choice, options.choice))
    columns = columns_of(options)
    given = {name: getattr(options, name) for name in _RANKING}
    ranking = {n: value for n, value in given.items() if value is not None}
    if "corpus" in ranking:
        ranking["columns"] = columns
    search(
        options.hyperparameters,
        options.train,
        options.validation,
        directory=options.directory,
        ranges=ranges,
        default_ranges=not options.ranges,
        objective=options.objective,
        search=options.search,
        max_trials=options.max_trials,
        seed=options.seed,
        resume=options.resume,
        overwrite=options.overwrite,
        best_model_dir=options.best_model_dir,
        columns=columns,
        auxiliary=options.auxiliary,
        ranking=ranking,
    )
