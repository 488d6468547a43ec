"""Sessions -> the items before an item, and the item."""

import functools
from typing import Any

import numpy as np
import pyarrow as pa

from o2v_keras.pairs.bags import Lists
from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.holdout import TEST
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import VALIDATION
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import Layout
from o2v_keras.pairs.log import is_rows_of_names
from o2v_keras.pairs.objects import SeenPairs
from o2v_keras.pairs.objects import check_seed
from o2v_keras.pairs.objects import seeded
from o2v_keras.pairs.pair_maker import IDS
from o2v_keras.pairs.pair_maker import check_choice
from o2v_keras.pairs.pair_maker import check_whole
from o2v_keras.pairs.records import Reading
from o2v_keras.pairs.records import chosen_columns
from o2v_keras.pairs.records import numbered
from o2v_keras.pairs.records import open_log
from o2v_keras.pairs.records import rows_of_items
from o2v_keras.pairs.records import rows_of_lists
from o2v_keras.pairs.result import Pairs
from o2v_keras.pairs.result import Report
from o2v_keras.pairs.result import SideValues
from o2v_keras.pairs.result import chunks

SPLITS = ("sessions", "last", "time")
_ITEMS = "items"


def sequences(
    source: Any,
    session: str | None = None,
    item: str | None = None,
    *,
    time: str | None = None,
    window: int = 10,
    min_sessions: int = 1,
    max_items: int = 1_000,
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
    """Makes pairs of the items before an item (`in0`) and the item (`in1`).

    Items are in the order of `time`, and else of the rows. An item may be in
    a session several times.

    Args:
        source: As in `interactions`, or a list of lists of items.
        session: Column of the sessions, or users. Defaults to `None`: each
            row is a session.
        item: Column of the items, or of lists of items.
        time: Column of times: numbers, or dates and times. Defaults to
            `None`: rows are in order.
        window: Most items before, in order. Defaults to 10.
        min_sessions: Least number of sessions of an item; the others are left
            out of their sessions. Defaults to 1.
        max_items: Most items of a session, the last of it. Defaults to 1,000.
        split: What is held out: `"sessions"`, all rows of some sessions;
            `"last"`, the last items of each session; `"time"`, the last items
            of all. What comes before is shown to them, whichever part it is
            in. Defaults to `None`: nothing is held out.
        validation: Share below 1, or number: of sessions, of items of each
            session, or of items. Defaults to 0.1.
        test: The same. Defaults to 0.1.
        ids: As in `interactions`.
        seed: Of all orders. Defaults to 0.
        lines: Whether each line of the files is a session, with
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
    >>> pairs = sequences([[3, 1, 2], [2, 3]], window=2)
    >>> pairs.train.select(["in0", "in1"]).sort_by("in1").to_pylist()[1]
    {'in0': [3, 1], 'in1': 2}
    """
    check_whole("window", window, 1)
    check_whole("min_sessions", min_sessions, 1)
    check_whole("max_items", max_items, 2)
    check_choice("ids", ids, (None, *IDS))
    check_seed(seed)
    holdout = Holdout(split, validation, test)
    holdout.check(SPLITS, time is not None)
    if is_rows_of_names(source):
        source, item = {_ITEMS: source}, _ITEMS
    named = {
        "user": (session, "name"),
        "item": (item, "names"),
        "time": (time, "time"),
    }
    columns = chosen_columns(named, lines, "session")
    reading = Reading(
        Layout(separator, header, item_separator), skip_bad_rows, verbose
    )
    rows = rows_of_items if session is not None else rows_of_lists(lines)
    report = Report()
    opened = open_log({TRAIN: source}, columns, rows, reading, report)
    with opened as (connection, rejected):
        objects = numbered(connection)
        report.count("sessions", len(objects["user"]))
        report.count("items", len(objects["item"]))
        order = "log.rowid" if time is None else "log.time, log.rowid"
        events = connection.sql(
            "SELECT users.number AS session, items.number AS item"
            + (", log.time" if time else "")
            + ' FROM log JOIN users ON users.object = log."user" '
            "JOIN items ON items.object = log.item "
            f"ORDER BY users.number, {order}"
        ).to_arrow_table()
    arrays = {n: events[n].to_numpy() for n in events.column_names}
    own = arrays["session"].astype(np.int64)
    items = arrays["item"].astype(np.int64)
    kept = _kept(own, items, min_sessions, max_items, report)
    values = SideValues(
        objects["item"], None if ids is None else ids == "numbers", "items"
    )
    times = arrays["time"][kept] if time else None
    make = functools.partial(
        _tables,
        objects,
        values,
        own[kept],
        items[kept],
        times,
        window,
        holdout,
        seed,
        session is not None,
    )
    return Pairs(make, report, rejected)


def _kept(own, items, min_sessions, max_items, report):
    """Returns the rows that are kept, in order."""
    distinct = np.unique(np.stack([items, own]), axis=1)
    common = np.bincount(distinct[0]) >= min_sessions
    rows = np.flatnonzero(common[items])
    report.dropped(
        f"rows of an item in fewer than {min_sessions} sessions",
        len(items) - len(rows),
    )
    sizes = np.bincount(own[rows])
    ends = np.cumsum(sizes)[own[rows]]
    late = ends - np.arange(len(rows)) <= max_items
    report.dropped(
        f"first rows of sessions with more than {max_items:,}", (~late).sum()
    )
    return rows[late]


def _tables(
    objects, values, own, items, times, window, holdout, seed, named, report
):
    """Yields (part, table), training first."""
    lists = Lists(own, items, len(objects["user"]), np.arange(len(own)))
    targets = np.flatnonzero(lists.places > 0)
    report.dropped("sessions of one item", (lists.sizes == 1).sum())
    key = seeded(seed, objects["user"].hashes[own], lists.places)
    parts = np.zeros(len(own), np.int8)
    if holdout.kind == "sessions":
        present = np.unique(own)
        of_session = np.zeros(len(objects["user"]), np.int8)
        order = np.argsort(seeded(seed, 1, objects["user"].hashes[present]))
        of_session[present] = holdout.of_rows(order)
        parts = of_session[own]
    elif holdout.kind == "time":
        order = np.lexsort((key[targets], times[targets]))
        parts[targets] = holdout.of_rows(order)
    elif holdout.kind == "last":
        parts[targets] = holdout.within(own[targets], lists.places[targets])
    seen, longest = SeenPairs(), 1
    sessions = SideValues(objects["user"], None, "sessions")
    for part in (TRAIN, TEST, VALIDATION):
        rows = targets[parts[targets] == part]
        rows = rows[np.argsort(key[rows])]
        for piece in chunks(np.minimum(lists.places[rows], window)):
            now = rows[piece]
            flat, lengths = lists.before(own[now], lists.places[now], window)
            hashes = seeded(
                0,
                values.bag_hashes(flat, lengths, ordered=True),
                values.hashes(items[now]),
            )
            columns = {}
            if named:
                columns["session"] = sessions.one(own[now])
            columns["in0"] = values.bags(flat, lengths)
            columns["in1"] = values.one(items[now])
            columns["label"] = pa.array(np.ones(len(now), np.int64))
            table = pa.table(columns)
            new = seen.are_new(hashes)
            report.dropped(
                f"{PARTS[part]} pairs that are in another part", (~new).sum()
            )
            longest = max(longest, int(lengths.max(initial=0)))
            yield PARTS[part], table.filter(pa.array(new))
        seen.end_part()
    report.hyperparameters |= values.hyperparameters("enc0", longest)
    report.hyperparameters |= values.hyperparameters("enc1", None)
