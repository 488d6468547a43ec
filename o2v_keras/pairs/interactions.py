"""Logs of users and items -> pairs, or bags of a user's items with another."""

from collections.abc import Sequence
from typing import Any

from o2v_keras.pairs.holdout import TEST
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import VALIDATION
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import Layout
from o2v_keras.pairs.pair_maker import PairOptions
from o2v_keras.pairs.pair_maker import make_pairs
from o2v_keras.pairs.records import Reading
from o2v_keras.pairs.records import chosen_columns
from o2v_keras.pairs.records import rows_of_items
from o2v_keras.pairs.records import rows_of_lines
from o2v_keras.pairs.result import Pairs

SPLITS = ("random", "user", "user-time", "time", "cold-users", "cold-items")


def interactions(
    source: Any,
    user: str | None = None,
    item: str | None = None,
    *,
    value: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    user_features: Sequence[str] = (),
    item_features: Sequence[str] = (),
    positive_from: float | None = None,
    negative_to: float | None = None,
    user_as: str = "id",
    item_as: str = "id",
    bag_size: int = 50,
    draws: int = 1,
    earlier: bool = False,
    weights: str | None = None,
    min_items: int = 1,
    min_users: int = 1,
    max_items: int = 5_000,
    split: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    validation_source: Any = None,
    test_source: Any = None,
    ids: str | None = None,
    seed: int = 0,
    lines: bool = False,
    separator: str | None = None,
    header: bool = True,
    item_separator: str | None = None,
    skip_bad_rows: bool | float = False,
    verbose: int | None = None,
) -> Pairs:
    """Makes pairs of a log of users and items.

    Rows that repeat a user and an item are one record, with the value of the
    last row and the time of the first (by `time`, or else by their order).
    Order and draws follow from `seed` and the names alone.

    Args:
        source: Path, glob or folder of JSON Lines, CSV, TSV or Parquet files
            (see `read_blocks`), a list of them, or data in memory (see
            `read_in_memory`): a mapping of columns, a data frame or a table.
        user: Column of the users: texts or whole numbers.
        item: Column of the items, or of lists of items.
        value: Column of a value, such as a rating. Without `positive_from` it
            is the label. Defaults to `None`: all labels are 1.
        time: Column of times: numbers, or dates and times. Defaults to
            `None`: there is none.
        weight: Column of how much a row counts. Defaults to `None`: each
            counts 1.
        user_features: Columns whose values become tokens of the user, such as
            `"age=24"`; lists of values, too. Defaults to none.
        item_features: The same of the item.
        positive_from: Least value of a positive, labelled 1. Records of
            smaller values are dropped. Defaults to `None`.
        negative_to: Largest value of a negative, labelled 0; only those
            between the two are dropped. Defaults to `None`: there are none.
        user_as: What `in0` is: `"id"`, the user; `"items"`, a bag of other
            positive items of the user; or `"id+items"`, both. Defaults to
            `"id"`.
        item_as: What `in1` is: `"id"`, `"users"` or `"id+users"`. Defaults
            to `"id"`.
        bag_size: Most members of a bag. Defaults to 50.
        draws: Bags drawn for each record of the training. Defaults to 1.
        earlier: Whether bags hold only what was earlier, the latest of it, in
            order. Defaults to `False`: any others.
        weights: `"count"`: the weight of a pair is the sum of its rows'
            weights, or their number; `"log"`: the logarithm of 1 plus that.
            Defaults to `None`: there are no weights.
        min_items: Least number of items of a user. Users with fewer are
            dropped, and then items, until all have enough. Defaults to 1.
        min_users: Least number of users of an item. Defaults to 1.
        max_items: Most items of a user, the latest or, without `time`, any.
            Defaults to 5,000.
        split: What is held out: `"random"` records; `"user"`, some records of
            each user; `"user-time"`, the last of each user; `"time"`, the
            last of all; `"cold-users"` or `"cold-items"`, all records of some
            users or items. Bags of what is held out hold training records
            only; those of a cold user four fifths of his own, which are no
            targets. Defaults to `None`: nothing is held out.
        validation: Share below 1, or number of records (of each user, or of
            users, as `split` says). Defaults to 0.1.
        test: The same. Defaults to 0.1.
        validation_source: Log of validation data, in place of `split`.
            Defaults to `None`.
        test_source: Log of test data, in place of `split`. Defaults to `None`.
        ids: `"numbers"`: objects are ids as they are in the log, whole
            numbers from 1; `"names"`: they are texts, bags with `|` between
            them, for the tokenizers `category` and `categories`. Defaults to
            `None`: ids where all are such numbers without large gaps.
        seed: Of all orders and draws. Defaults to 0.
        lines: Whether each line of the files is a user followed by items,
            with `item_separator` (by default a comma) between them. Defaults
            to `False`.
        separator: What stands between the columns of text files of any
            ending, such as `"tab"`, `","` or `"::"`. Defaults to `None`: what
            the ending says.
        header: Whether the first line of CSV and TSV names the columns.
            Otherwise they are `"1"`, `"2"` and so on. Defaults to `True`.
        item_separator: What stands between several items, or features, in one
            field. Defaults to `None`: a field is one, or in JSON a list.
        skip_bad_rows: Whether bad rows are left out, up to a hundredth, or
            the largest share of them. Defaults to `False`: they are an error.
        verbose: 0 or 1. Whether to show progress. Defaults to `None`: see
            `Progress`.

    Returns:
        `Pairs` with the tables `train`, `validation` and `test`, a `report`,
        and `write` for files.

    Raises:
        ValueError: If an argument is out of range.
        DataError: If data cannot be used; the message says which rows.

    Example:
    >>> log = {"user": ["Ann", "Ann", "Bob", "Ann"],
    ...        "film": ["Alien", "Bambi", "Alien", "Cujo"]}
    >>> pairs = interactions(log, "user", "film", user_as="items")
    >>> print(pairs.train.sort_by("in1").to_pylist()[0])
    {'user': 'Ann', 'in0': 'Bambi|Cujo', 'in1': 'Alien', 'label': 1}
    >>> pairs.report.counts["dropped: train pairs whose bag is empty"]
    1
    """
    options = PairOptions(
        user_as=user_as,
        item_as=item_as,
        user_features=user_features,
        item_features=item_features,
        bag_size=bag_size,
        draws=draws,
        earlier=earlier,
        weights=weights or ("count" if weight else None),
        positive_from=positive_from,
        negative_to=negative_to,
        min_items=min_items,
        min_users=min_users,
        max_items=max_items,
        ids=ids,
        seed=seed,
    )
    holdout = Holdout(split, validation, test)
    holdout.check(SPLITS, time is not None)
    held_out = {VALIDATION: validation_source, TEST: test_source}
    held_out = {part: log for part, log in held_out.items() if log is not None}
    if split and held_out:
        raise ValueError(
            "`split` must be left out where validation or test data are "
            f"given. Received: split={split!r}"
        )
    if earlier and time is None:
        raise ValueError("`time` must name a column where `earlier` is set.")
    if value is None and not (positive_from is negative_to is None):
        raise ValueError(
            "`value` must name the column that `positive_from` and "
            "`negative_to` are about."
        )
    named = {
        "user": (user, "name"),
        "item": (item, "names"),
        "value": (value, "number"),
        "time": (time, "time"),
        "weight": (weight, "weight"),
    }
    for side, names in (("user", user_features), ("item", item_features)):
        for place, name in enumerate(names):
            named[f"{side}_feature{place}"] = (name, "features")
    columns = chosen_columns(
        named, lines, "user followed by items", ("user", "item")
    )
    return make_pairs(
        {TRAIN: source, **held_out},
        columns,
        rows_of_lines if lines else rows_of_items,
        options,
        holdout,
        Reading(
            Layout(separator, header, item_separator), skip_bad_rows, verbose
        ),
    )
