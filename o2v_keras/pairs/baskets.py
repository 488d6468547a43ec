"""Baskets -> pairs of items, or the rest of a basket with an item."""

import functools
from typing import Any

import numpy as np
import pyarrow as pa

from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import Layout
from o2v_keras.pairs.log import is_rows_of_names
from o2v_keras.pairs.objects import seeded
from o2v_keras.pairs.pair_maker import PairMaker
from o2v_keras.pairs.pair_maker import PairOptions
from o2v_keras.pairs.pair_maker import check_choice
from o2v_keras.pairs.pair_maker import check_whole
from o2v_keras.pairs.pair_maker import make_pairs
from o2v_keras.pairs.records import Reading
from o2v_keras.pairs.records import chosen_columns
from o2v_keras.pairs.records import fold
from o2v_keras.pairs.records import numbered
from o2v_keras.pairs.records import open_log
from o2v_keras.pairs.records import rows_of_items
from o2v_keras.pairs.records import rows_of_lists
from o2v_keras.pairs.result import Pairs
from o2v_keras.pairs.result import Report
from o2v_keras.pairs.result import SideValues

WEIGHTS = ("count", "log", "pmi", "none")
_NAMES = ("basket", "item")
_ITEMS = "items"
_CHUNK_ROWS = 1 << 20


def baskets(
    source: Any,
    basket: str | None = None,
    item: str | None = None,
    *,
    rest: bool = False,
    bag_size: int = 50,
    weights: str | None = None,
    min_count: int = 1,
    min_baskets: int = 1,
    max_items: int = 100,
    split: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    ids: str | None = None,
    seed: int = 0,
    lines: bool = False,
    separator: str | None = None,
    header: bool = True,
    item_separator: str | None = None,
    skip_bad_rows: bool | float = False,
    verbose: int | None = None,
) -> Pairs:
    """Makes pairs of items that were in a basket together.

    A basket holds an item once. Each pair of items is there in both orders,
    with a weight; with `rest`, each item of a basket is there with all its
    others.

    Args:
        source: As in `interactions`, or a list of lists of items.
        basket: Column of the baskets, for rows of a basket and an item.
            Defaults to `None`: each row is a basket.
        item: Column of the items, or of lists of items.
        rest: Whether `in0` is the rest of the basket. Defaults to `False`: it
            is another item.
        bag_size: Most items of a rest. Defaults to 50.
        weights: Of pairs of items: `"count"`, the number of baskets with
            both; `"log"`, the logarithm of 1 plus that; `"pmi"`, the
            logarithm of how many times as many they are as if items came
            independently, of pairs above 0 alone; or `"none"`. Defaults to
            `None`: `"count"`, without any for `rest`.
        min_count: Least number of baskets of a pair of items. Defaults to 1.
        min_baskets: Least number of baskets of an item. Defaults to 1.
        max_items: Most items of a basket; of more, any are taken. Defaults
            to 100.
        split: `"random"`, some pairs of items, in both orders; with `rest`
            `"baskets"`, all rows of some baskets. Defaults to `None`: nothing
            is held out.
        validation: Share below 1, or number of pairs of items or of baskets.
            Defaults to 0.1.
        test: The same. Defaults to 0.1.
        ids: As in `interactions`.
        seed: Of all orders and draws. Defaults to 0.
        lines: Whether each line of the files is a basket, with
            `item_separator` (by default a comma) between the items. Defaults
            to `False`.
        separator: As in `interactions`.
        header: As in `interactions`.
        item_separator: As in `interactions`.
        skip_bad_rows: As in `interactions`.
        verbose: As in `interactions`.

    Returns:
        `Pairs`.

    Raises:
        ValueError: If an argument is out of range.
        DataError: If data cannot be used; the message says which rows.

    Example:
    >>> pairs = baskets([["tea", "milk"], ["tea", "milk", "jam"], ["jam"]])
    >>> pairs.train.sort_by([("in0", "ascending"), ("in1", "ascending")])[
    ...     "weight"].to_pylist()
    [1.0, 1.0, 1.0, 2.0, 1.0, 2.0]
    >>> rests = baskets([["tea", "milk", "jam"]], rest=True).train
    >>> rests.sort_by("in1")["in0"].to_pylist()[0]
    'tea|milk'
    """
    check_choice("weights", weights, (None, *WEIGHTS))
    if rest and weights is not None:
        raise ValueError(
            "`weights` must be left out with `rest`, whose rows are baskets. "
            f"Received: weights={weights!r}"
        )
    if not rest and bag_size != 50:
        raise ValueError(
            "`bag_size` must be left out without `rest`. "
            f"Received: bag_size={bag_size}"
        )
    check_whole("min_count", min_count, 1)
    holdout = Holdout(split, validation, test)
    if split == "baskets" and not rest:
        raise ValueError(
            '`split` must be "random" without `rest`: a pair of items is in '
            'many baskets. Received: split="baskets"'
        )
    holdout.check(("baskets",) if rest else ("random",), False)
    if is_rows_of_names(source):
        source, item = {_ITEMS: source}, _ITEMS
    named = {"user": (basket, "name"), "item": (item, "names")}
    columns = chosen_columns(named, lines, "basket")
    options = PairOptions(
        user_as="items" if rest else "id",
        bag_size=bag_size,
        min_users=min_baskets,
        max_items=max_items,
        ids=ids,
        seed=seed,
        names=_NAMES,
        whole="user" if rest else "",
    )
    log = {
        "sources": {TRAIN: source},
        "columns": columns,
        "rows": rows_of_items if basket is not None else rows_of_lists(lines),
        "reading": Reading(
            Layout(separator, header, item_separator), skip_bad_rows, verbose
        ),
    }
    if rest:
        return make_pairs(**log, options=options, holdout=holdout)
    return _item_pairs(log, options, holdout, min_count, weights or "count")


def _item_pairs(log, options, holdout, min_count, weights):
    report = Report()
    with open_log(**log, report=report) as (connection, rejected):
        objects = numbered(connection)
        for side, name in zip(("user", "item"), _NAMES, strict=True):
            report.count(f"{name}s", len(objects[side]))
        events = fold(connection, report, _NAMES)
        maker = PairMaker(objects, {}, events, options, Holdout(None), report)
        events = maker.events
        sizes = np.bincount(events.user)
        report.dropped("baskets of one item", (sizes == 1).sum())
        entries = pa.table({"basket": events.user, "item": events.item})
        connection.register("entries", entries)
        counted = connection.sql(
            "SELECT a.item AS one, b.item AS other, count(*) AS count "
            "FROM entries a JOIN entries b "
            "ON a.basket = b.basket AND a.item < b.item "
            "GROUP BY a.item, b.item ORDER BY a.item, b.item"
        ).to_arrow_table()
    one, other, counts = (counted[n].to_numpy() for n in counted.column_names)
    kept = counts >= min_count
    report.dropped(
        f"pairs of items in fewer than {min_count} baskets", (~kept).sum()
    )
    one, other, counts = one[kept], other[kept], counts[kept]
    weighted = _weighted(weights, one, other, counts, events)
    if weights == "pmi":
        kept = weighted > 0
        report.dropped("pairs of items with a PMI of 0 or less", (~kept).sum())
        one, other, weighted = one[kept], other[kept], weighted[kept]
    values = SideValues(
        objects["item"],
        None if options.ids is None else options.ids == "numbers",
        "items",
    )
    make = functools.partial(
        _tables,
        values,
        objects["item"],
        one,
        other,
        weighted,
        options.seed,
        holdout,
    )
    return Pairs(make, report, rejected)


def _weighted(kind, one, other, counts, events):
    if kind == "none":
        return None
    if kind == "count":
        return counts.astype(np.float64)
    if kind == "log":
        return np.log1p(counts)
    single = np.bincount(events.item)
    total = len(np.unique(events.user))
    return np.log(counts * total / (single[one] * single[other].astype(float)))


def _tables(values, items, one, other, weights, seed, holdout, report):
    hashes = items.hashes[one], items.hashes[other]
    parts = np.zeros(len(one), np.int8)
    if holdout.kind:
        # Both orders of a pair are in one part.
        order = np.argsort(seeded(seed, hashes[0] + hashes[1]))
        parts = holdout.of_rows(order)
    for part, name in enumerate(PARTS):
        rows = np.flatnonzero(parts == part)
        if not len(rows):
            continue
        first = np.concatenate([one[rows], other[rows]])
        second = np.concatenate([other[rows], one[rows]])
        order = np.argsort(
            seeded(seed, 1, items.hashes[first], items.hashes[second])
        )
        for start in range(0, len(order), _CHUNK_ROWS):
            now = order[start : start + _CHUNK_ROWS]
            columns = {
                "in0": values.one(first[now]),
                "in1": values.one(second[now]),
                "label": pa.array(np.ones(len(now), np.int64)),
            }
            if weights is not None:
                columns["weight"] = pa.array(weights[rows[now % len(rows)]])
            yield name, pa.table(columns)
    for encoder in ("enc0", "enc1"):
        report.hyperparameters |= values.hyperparameters(encoder, None)
