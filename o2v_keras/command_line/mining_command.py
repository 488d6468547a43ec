"""The command `o2v mine`."""

import argparse
import dataclasses
from typing import Any

from o2v_keras.command_line.option_groups import add_model_and_data
from o2v_keras.data.job_options import columns_of
from o2v_keras.start_tensorflow import start_tensorflow


def add_mining_options(parser: argparse.ArgumentParser):
    """Adds the options of `o2v mine`."""
    add_model_and_data(parser)
    parser.add_argument(
        "--output",
        required=True,
        metavar="O",
        help=".jsonl: the data with their negatives, labelled 0",
    )
    parser.add_argument(
        "--negatives-only",
        action="store_true",
        help="leave the rows of the data out",
    )
    parser.add_argument(
        "--known",
        nargs="+",
        metavar="F",
        help="more pairs that are no negatives, such as validation data",
    )
    parser.add_argument(
        "--corpus",
        nargs="+",
        metavar="F",
        help="candidates; default: the objects of the data and of --known",
    )
    parser.add_argument(
        "--min-label",
        type=float,
        default=1.0,
        metavar="L",
        help="least label of a positive; default: 1",
    )
    group = parser.add_argument_group("which candidates are negatives")

    def add(name, **settings: Any):
        # Options that are not given are absent: `MiningRules` has defaults.
        group.add_argument(name, default=argparse.SUPPRESS, **settings)

    add("--query", choices=("in0", "in1"), help="default: in0")
    add(
        "--score",
        choices=("cosine", "dot"),
        help="of the embeddings; default: what the model compares them by, "
        "or cosine",
    )
    add(
        "--num-negatives",
        type=int,
        metavar="N",
        help="most of a query; default: 3",
    )
    add(
        "--range",
        dest="ranks",
        metavar="MIN:MAX",
        help="ranks that are looked at, from 0; 10:50 leaves out the ten "
        "nearest, often positives that nobody noted; default: 0:100",
    )
    add(
        "--max-score",
        type=float,
        metavar="S",
        help="largest similarity",
    )
    add(
        "--absolute-margin",
        type=float,
        metavar="A",
        help="less similar than the least similar positive by A",
    )
    add(
        "--relative-margin",
        type=float,
        metavar="R",
        help="the same as a share: 0.05 allows 95 %% of its similarity",
    )
    add(
        "--sampling",
        choices=("top", "random"),
        help="the nearest of those left, or any; default: top",
    )
    add("--seed", type=int, metavar="N", help="of the sampling; default: 0")


def mine(options: argparse.Namespace) -> int | None:
    """Writes hard negatives; prints how many there are."""
    start_tensorflow()
    from o2v_keras.training.hard_negatives import MiningRules
    from o2v_keras.training.hard_negatives import mine_hard_negatives
    from o2v_keras.training.model_directory import load_model

    given = vars(options)
    names = [field.name for field in dataclasses.fields(MiningRules)]
    rules = {name: given[name] for name in names if name in given}
    if "ranks" in rules:
        rules["ranks"] = _ranks(rules["ranks"])
    report = mine_hard_negatives(
        load_model(options.model),
        options.data,
        options.output,
        rules=MiningRules(**rules),
        known=options.known,
        corpus=options.corpus,
        min_label=options.min_label,
        columns=columns_of(options),
        negatives_only=options.negatives_only,
    )
    print(report)
    print(f"hard negatives: {options.output}")


def _ranks(text):
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal()):
        raise ValueError(
            "`--range` must be MIN:MAX, two whole numbers. "
            f"Received: --range {text}"
        )
    return int(first), int(end)
