"""Makes pairs of numbered records: labels, caps, parts, bags, negatives."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.pairs.bags import Lists
from o2v_keras.pairs.holdout import GIVEN
from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.holdout import TEST
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import VALIDATION
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import BAR
from o2v_keras.pairs.objects import Objects
from o2v_keras.pairs.objects import SeenPairs
from o2v_keras.pairs.objects import check_seed
from o2v_keras.pairs.objects import seeded
from o2v_keras.pairs.records import SIDES
from o2v_keras.pairs.records import Events
from o2v_keras.pairs.records import Features
from o2v_keras.pairs.records import Reading
from o2v_keras.pairs.records import Rows
from o2v_keras.pairs.records import fold
from o2v_keras.pairs.records import numbered
from o2v_keras.pairs.records import open_log
from o2v_keras.pairs.result import Pairs
from o2v_keras.pairs.result import Report
from o2v_keras.pairs.result import SideValues
from o2v_keras.pairs.result import chunks

USER_AS = ("id", "items", "id+items")
ITEM_AS = ("id", "users", "id+users")
WEIGHTS = ("count", "log")
IDS = ("numbers", "names")
# Share of the records of a held-out object that its bag is made of.
_GIVEN = 0.8
_OTHER = {"user": "item", "item": "user"}
_ENCODERS = {"user": "enc0", "item": "enc1"}
# What seeded orders are for; equal numbers would give equal orders.
_CAP, _PART, _GROUP, _ROW, _BAG, _NEGATIVE = range(1, 7)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairOptions:
    """What pairs of records look like; `interactions` documents most.

    Args:
        names: What the two sides are called in reports and columns.
        whole: `"user"` or `"item"` where all records of one are in the same
            part, and bags hold records of any part: those of its own basket.
            Defaults to `""`.
        negatives: Rows labelled 0 for each record, with other users.
        texts: Whether the items are texts.
    """

    user_as: str = "id"
    item_as: str = "id"
    user_features: Sequence[str] = ()
    item_features: Sequence[str] = ()
    bag_size: int = 50
    draws: int = 1
    earlier: bool = False
    weights: str | None = None
    positive_from: float | None = None
    negative_to: float | None = None
    min_items: int = 1
    min_users: int = 1
    max_items: int = 5_000
    ids: str | None = None
    seed: int = 0
    names: tuple[str, str] = SIDES
    whole: str = ""
    negatives: int = 0
    texts: bool = False

    def __post_init__(self) -> None:
        check_choice("user_as", self.user_as, USER_AS)
        check_choice("item_as", self.item_as, ITEM_AS)
        check_choice("weights", self.weights, (None, *WEIGHTS))
        check_choice("ids", self.ids, (None, *IDS))
        check_seed(self.seed)
        for name in (
            "bag_size",
            "draws",
            "min_items",
            "min_users",
            "max_items",
        ):
            check_whole(name, getattr(self, name), 1)
        least, most = self.positive_from, self.negative_to
        if most is not None and (least is None or most >= least):
            raise ValueError(
                "`negative_to` must be below `positive_from`. Received: "
                f"negative_to={most}, positive_from={least}"
            )
        if self.draws > 1 and not self.has_bags:
            raise ValueError(
                "`draws` must be 1 without bags, which `user_as` and "
                f"`item_as` ask for. Received: draws={self.draws}"
            )
        if self.draws > 1 and self.earlier:
            raise ValueError(
                "`draws` must be 1 where `earlier` is set: the last items "
                f"before another are always the same. Received: "
                f"draws={self.draws}"
            )
        if self.ids == "numbers" and not self.may_be_ids:
            raise ValueError(
                '`ids` must be "names" where a side holds other things than '
                "ids, such as features."
            )

    @property
    def has_bags(self) -> bool:
        """Whether a side is a bag of the other side's objects."""
        return any(map(self.is_bag, SIDES))

    def is_bag(self, side: str) -> bool:
        """Whether the objects of a side are bags of the other side's."""
        return getattr(self, f"{side}_as") != "id"

    def features(self, side: str) -> Sequence[str]:
        """Names of the columns with features of a side."""
        return getattr(self, f"{side}_features")

    def are_ids(self, side: str) -> bool | None:
        """Whether the objects of a side are ids; `None` if they may be."""
        if not self.may_be_ids:
            return False
        if self.is_bag(side) and not self.is_bag(_OTHER[side]):
            # They only name the owners of bags.
            return None
        return None if self.ids is None else self.ids == "numbers"

    @property
    def may_be_ids(self) -> bool:
        """Whether no side needs names."""
        kinds = self.user_as + self.item_as
        return not (self.user_features or self.item_features or "+" in kinds)


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises `ValueError` unless an argument is one of its choices."""
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise ValueError(
            f"`{name}` must be one of {listed}. Received: {name}={value!r}"
        )


def check_whole(name: str, value: Any, least: int) -> None:
    """Raises `ValueError` unless an argument is `least` or a larger integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"`{name}` must be a whole number of at least {least}. "
            f"Received: {name}={value!r}"
        )


def make_pairs(
    sources: Mapping[int, Any],
    columns: Mapping[str, tuple[str, str]],
    rows: Rows,
    options: PairOptions,
    holdout: Holdout,
    reading: Reading,
) -> Pairs:
    """Makes pairs of records of two sides.

    Args:
        sources: Part -> log.
        columns: Field -> (name of the column, kind), see `LogReader`.
        rows: Makes rows of a user and an item each.
        options: `PairOptions`.
        holdout: `Holdout`, which has been checked.
        reading: `Reading`.

    Raises:
        DataError: If the data cannot be used.
    """
    report = Report()
    opened = open_log(sources, columns, rows, reading, report)
    with opened as (connection, rejected):
        objects = numbered(connection)
        for side, name in zip(SIDES, options.names, strict=True):
            report.count(f"{name}s", len(objects[side]))
        events = fold(connection, report, options.names)
        features = {
            side: Features.read(connection, side, names, len(objects[side]))
            for side in SIDES
            if (names := options.features(side))
        }
    maker = PairMaker(objects, features, events, options, holdout, report)
    return Pairs(maker.tables, report, rejected)


class PairMaker:
    """Makes the pairs of numbered records.

    Args:
        objects: Side -> `Objects`.
        features: Side -> `Features`, for the sides that have some.
        events: `Events`.
        options: `PairOptions`.
        holdout: `Holdout`.
        report: Counts what is dropped and capped.

    Attributes:
        events: `Events` that are kept.
    """

    def __init__(
        self,
        objects: Mapping[str, Objects],
        features: Mapping[str, Features],
        events: Events,
        options: PairOptions,
        holdout: Holdout,
        report: Report,
    ):
        self._options = options
        self._holdout = holdout
        self._objects = objects
        self._features = features
        self._names: dict[str, str] = dict(
            zip(SIDES, options.names, strict=True)
        )
        self._values = {
            side: SideValues(
                own, options.are_ids(side), f"{self._names[side]}s"
            )
            for side, own in objects.items()
        }
        labelled = self._labelled(events, report)
        cored = self._in_core(*labelled, report)
        self.events, self._labels = self._capped(*cored, report)
        self._part = self._parts()
        if options.negatives:
            self._add_negatives(report)
        self._weights = self._weighted()
        self._lists = {side: self._bag_lists(side) for side in SIDES}

    def tables(self, report: Report) -> Iterator[tuple[str, pa.Table]]:
        """Yields (part, table), training first, and completes the report.

        Args:
            report: `Report`, which gets counts and hyperparameters.
        """
        longest: dict[str, int] = dict.fromkeys(SIDES, 0)
        seen = SeenPairs()
        for part in (TRAIN, TEST, VALIDATION):
            rows, draw, sizes = self._rows(part, report)
            for side in SIDES:
                largest = sizes[side].max(initial=0)
                longest[side] = max(longest[side], int(largest))
            for piece in chunks(np.sum([*sizes.values()], axis=0)):
                table, hashes = self._table(rows[piece], draw[piece])
                # Without bags `fold` has left one of each pair.
                if self._options.has_bags:
                    new = seen.are_new(hashes)
                    report.dropped(
                        f"{PARTS[part]} pairs that are in another part",
                        (~new).sum(),
                    )
                    table = table.filter(pa.array(new))
                yield PARTS[part], table
            seen.end_part()
            if part != TRAIN:
                self._count_unknown(rows, PARTS[part], report)
        for side, encoder in _ENCODERS.items():
            has_bag = self._options.is_bag(side)
            if side == "item" and self._options.texts:
                found = {f"{encoder}_tokenizer": "words"}
            elif has_bag or side in self._features:
                values = self._values[_OTHER[side] if has_bag else side]
                found = values.hyperparameters(encoder, longest[side])
            else:
                found = self._values[side].hyperparameters(encoder, None)
            report.hyperparameters |= found

    def _labelled(self, events, report):
        """Labels records by their values; drops those between."""
        least, most = self._options.positive_from, self._options.negative_to
        if events.value is None:
            return events, np.ones(len(events), np.int64)
        if least is None:
            return events, _whole(events.value)
        labels = (events.value >= least).astype(np.int64)
        kept = labels == 1
        if most is not None:
            kept |= events.value <= most
        report.dropped(
            f"pairs with a value below {least:g}"
            + ("" if most is None else f" and above {most:g}"),
            (~kept).sum(),
        )
        return events.take(kept), labels[kept]

    def _in_core(self, events, labels, report):
        """Drops rare users and items until none is left (a k-core)."""
        options, rows = self._options, np.arange(len(events))
        while len(rows):
            users, items = events.user[rows], events.item[rows]
            kept = np.bincount(users)[users] >= options.min_items
            kept &= np.bincount(items)[items] >= options.min_users
            if kept.all():
                break
            rows = rows[kept]
        user, item = self._names.values()
        rules = []
        if options.min_items > 1:
            rules.append(f"{user}s with fewer than {options.min_items} {item}s")
        if options.min_users > 1:
            rules.append(f"{item}s with fewer than {options.min_users} {user}s")
        dropped = len(events) - len(rows)
        report.dropped(f"pairs of {' or '.join(rules)}", dropped)
        return events.take(rows), labels[rows]

    def _capped(self, events, labels, report):
        """Keeps the latest, or any, records of users with very many."""
        most = self._options.max_items
        if np.bincount(events.user, minlength=1).max() <= most:
            return events, labels
        keys = [seeded(self._options.seed, _CAP, *self._hashes(events))]
        if events.time is not None:
            keys.append(-events.time)
        count = len(self._objects["user"])
        places = Lists(events.user, events.item, count, *keys).places
        kept = places < most
        user, item = self._names.values()
        capped = len(np.unique(events.user[~kept]))
        report.count(f"{user}s capped at {most:,} {item}s", capped)
        report.dropped(f"{item}s of capped {user}s", (~kept).sum())
        return events.take(kept), labels[kept]

    def _hashes(self, events):
        return (
            self._objects["user"].hashes[events.user],
            self._objects["item"].hashes[events.item],
        )

    def _parts(self):
        """Returns the part of each record."""
        events, holdout, options = self.events, self._holdout, self._options
        kind = holdout.kind
        if kind is None:
            return events.part
        key = seeded(options.seed, _PART, *self._hashes(events))
        time: Any = events.time
        if options.whole:
            return self._parts_of_groups(options.whole)
        if kind == "random":
            return holdout.of_rows(np.argsort(key))
        if kind == "time":
            return holdout.of_rows(np.lexsort((key, time)))
        if kind == "user":
            return holdout.within(events.user, key)
        if kind == "user-time":
            return holdout.within(events.user, key, time)
        side = kind.removeprefix("cold-").removesuffix("s")
        parts = self._parts_of_groups(side)
        if options.is_bag(side):
            # Of these records its bag is made.
            own, keys = getattr(events, side), [key]
            if options.earlier:
                keys.append(time)
            lists = Lists(own, own, len(self._objects[side]), *keys)
            given = lists.places < np.floor(_GIVEN * lists.sizes[own])
            parts[given & (parts != TRAIN)] = GIVEN
        return parts

    def _parts_of_groups(self, side):
        own, objects = getattr(self.events, side), self._objects[side]
        present = np.unique(own)
        order = seeded(self._options.seed, _GROUP, objects.hashes[present])
        parts = np.zeros(len(objects), np.int8)
        parts[present] = self._holdout.of_rows(np.argsort(order))
        return parts[own]

    def _add_negatives(self, report):
        """Adds records of the same items with other users, labelled 0."""
        events, labels = self.events, self._labels
        items, users = events.item, events.user
        known = np.unique(users[self._part == TRAIN])
        present, rows = np.unique(items, return_index=True)
        wanted = np.bincount(items)[present] * self._options.negatives
        found_item, found_user = _others(
            items,
            users,
            present,
            wanted,
            known,
            seeded(
                self._options.seed,
                _NEGATIVE,
                self._objects["item"].hashes[present],
            ),
        )
        missing = int(wanted.sum()) - len(found_item)
        user = self._names["user"]
        report.dropped(f"negatives for want of other {user}s", missing)
        places = rows[np.searchsorted(present, found_item)]
        added = dataclasses.replace(events.take(places), user=found_user)
        fields: dict[str, Any] = {
            name: None
            if first is None
            else np.concatenate([first, getattr(added, name)])
            for name, first in vars(events).items()
        }
        self.events = Events(**fields)
        self._part = np.concatenate([self._part, self._part[places]])
        zeros = np.zeros(len(places), labels.dtype)
        self._labels = np.concatenate([labels, zeros])

    def _weighted(self):
        if self._options.weights is None:
            return None
        weights = self.events.weight
        if self._options.weights == "log":
            return np.log1p(weights)
        return weights

    def _bag_lists(self, side):
        """Returns for each draw the lists, and the place of each record."""
        options, events = self._options, self.events
        if not options.is_bag(side):
            return []
        member = (self._part == TRAIN) | bool(options.whole)
        if self._holdout.kind == f"cold-{side}s":
            member |= self._part == GIVEN
        if options.positive_from is not None:
            member &= self._labels == 1
        rows = np.flatnonzero(member)
        own, other = getattr(events, side), getattr(events, _OTHER[side])
        hashes, made = self._hashes(events.take(rows)), []
        for draw in range(options.draws):
            keys = [seeded(options.seed, _BAG, *hashes, draw)]
            if options.earlier:
                keys.append(events.time[rows])
            count = len(self._objects[side])
            lists = Lists(own[rows], other[rows], count, *keys)
            places = np.full(len(events), -1)
            if options.earlier:
                places = _places_by_time(lists, own, rows, events.time)
            places[rows] = lists.places
            made.append((lists, places))
        return made

    def _rows(self, part, report):
        """Returns records in seeded order, the draw and the sizes of each."""
        rows = np.flatnonzero(self._part == part)
        draws = self._options.draws if part == TRAIN else 1
        draw = np.repeat(np.arange(draws), len(rows))
        rows = np.tile(rows, draws)
        hashes = self._hashes(self.events.take(rows))
        order = np.argsort(seeded(self._options.seed, _ROW, *hashes, draw))
        rows, draw = rows[order], draw[order]
        sizes = {side: self._sizes(side, rows, draw) for side in SIDES}
        kept = np.minimum(*sizes.values()) > 0
        report.dropped(f"{PARTS[part]} pairs whose bag is empty", (~kept).sum())
        sizes = {side: own[kept] for side, own in sizes.items()}
        return rows[kept], draw[kept], sizes

    def _sizes(self, side, rows, draw):
        """Returns how many values each row has on a side."""
        own = getattr(self.events, side)[rows]
        sizes = np.zeros(len(rows), np.int64)
        for number, (lists, places) in enumerate(self._lists[side]):
            now = draw == number
            sizes[now] = lists.lengths(
                own[now],
                places[rows[now]],
                self._options.bag_size,
                self._options.earlier,
            )
        is_empty = (sizes == 0) & (getattr(self._options, f"{side}_as") != "id")
        if "id" in getattr(self._options, f"{side}_as"):
            sizes += 1
            is_empty[:] = False
        if side in self._features:
            sizes += self._features[side].sizes(own)
        return np.where(is_empty, 0, sizes)

    def _table(self, rows, draw):
        """Makes the pairs of some records, and hashes of them."""
        columns, hashes = {}, []
        for side, column in zip(SIDES, ("in0", "in1"), strict=True):
            own, values = getattr(self.events, side)[rows], self._values[side]
            if not self._options.is_bag(side) and side not in self._features:
                columns[column] = values.one(own)
                hashes.append(values.hashes(own))
                continue
            columns[self._names[side]] = values.one(own)
            columns[column], found = self._bags(side, own, rows, draw)
            hashes.append(found)
        columns["label"] = pa.array(self._labels[rows])
        if self._weights is not None:
            columns["weight"] = pa.array(self._weights[rows])
        return pa.table(columns), seeded(0, *hashes)

    def _bags(self, side, own, rows, draw):
        """Returns the bags of rows, and their hashes."""
        kind = getattr(self._options, f"{side}_as")
        texts, hashes = [], np.zeros(len(rows), np.uint64)
        if "id" in kind:
            names = self._values[side].one(own)
            start = f"{self._names[side]}="
            texts.append(pc.binary_join_element_wise(start, names, ""))
            hashes += self._values[side].hashes(own)
        if self._options.is_bag(side):
            flat, lengths = self._drawn(side, own, rows, draw)
            members = self._values[_OTHER[side]]
            bags = members.bags(flat, lengths)
            hashes += members.bag_hashes(flat, lengths)
            if kind != f"id+{_OTHER[side]}s" and side not in self._features:
                return bags, hashes
            texts.append(bags)
        if side in self._features:
            lists, _ = self._features[side].of(own)
            texts.append(pc.binary_join(lists, BAR))
        texts = [pc.if_else(pc.equal(text, ""), None, text) for text in texts]
        joined = pc.binary_join_element_wise(*texts, BAR, null_handling="skip")
        return joined, hashes

    def _drawn(self, side, own, rows, draw):
        """Returns the members of the bags of rows, and how many each has."""
        size, flats, lengths = self._options.bag_size, [], []
        order = np.argsort(draw, kind="stable")
        for number, (lists, places) in enumerate(self._lists[side]):
            now = order[draw[order] == number]
            take = lists.before if self._options.earlier else lists.others
            flat, counts = take(own[now], places[rows[now]], size)
            flats.append(flat)
            lengths.append(counts)
        if len(flats) == 1:
            return flats[0], lengths[0]
        # By draw; back to the order of the rows.
        flat, by_draw = np.concatenate(flats), np.concatenate(lengths)
        starts = np.empty(len(rows), np.int64)
        starts[order] = np.cumsum(by_draw) - by_draw
        counts = np.empty(len(rows), np.int64)
        counts[order] = by_draw
        ends = np.cumsum(counts)
        shifts = np.repeat(starts - (ends - counts), counts)
        return flat[np.arange(len(shifts)) + shifts], counts

    def _count_unknown(self, rows, part, report):
        """Counts pairs of objects that no training pair has."""
        for side in SIDES:
            if self._options.is_bag(side):
                continue
            own = getattr(self.events, side)
            unknown = ~np.isin(own[rows], own[self._part == TRAIN])
            if unknown.any() and not (side == "item" and self._options.texts):
                what = (
                    f"{part} pairs whose {self._names[side]} is not in training"
                )
                report.count(what, unknown.sum())


def _places_by_time(lists, own, rows, time):
    """Counts for each record the entries of its list that are not later."""
    _, ranks = np.unique(time, return_inverse=True)
    most = ranks.max(initial=0) + 1
    keys = own * most + ranks
    places = np.searchsorted(np.sort(keys[rows]), keys, side="right")
    return places - lists.starts[own]


def _others(items, users, present, wanted, known, hashes):
    """Draws other users of items, each at most once.

    Args:
        items: int64 `(records,)`.
        users: int64 `(records,)`.
        present: int64 `(items,)`. Items to draw for.
        wanted: int64 `(items,)`. How many users are drawn for each.
        known: int64. Users to draw from, sorted.
        hashes: uint64 `(items,)`.

    Returns:
        int64 items and users of what was drawn.
    """
    # Steps of equal length through a prime number of places meet each place
    # once.
    count = _next_prime(len(known))
    starts = (hashes % np.uint64(count)).astype(np.int64)
    steps = seeded(0, hashes) % np.uint64(max(count - 1, 1))
    steps = steps.astype(np.int64) + 1
    taken = np.sort(items * (users.max() + 1) + users)
    left, found = wanted.copy(), []
    for turn in range(count):
        now = np.flatnonzero(left > 0)
        if not len(now):
            break
        places = (starts[now] + turn * steps[now]) % count
        inside = places < len(known)
        now, drawn = now[inside], known[places[inside]]
        keys = present[now] * (users.max() + 1) + drawn
        free = taken[np.searchsorted(taken, keys) % len(taken)] != keys
        left[now[free]] -= 1
        found.append((present[now[free]], drawn[free]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    drawn_items, drawn_users = zip(*found, strict=True)
    return np.concatenate(drawn_items), np.concatenate(drawn_users)


def _next_prime(number):
    """Returns the least prime number that is not below `number`."""
    number = max(number, 2)
    while any(number % d == 0 for d in range(2, int(number**0.5) + 1)):
        number += 1
    return number


def _whole(labels):
    """Returns integers if all labels are whole numbers."""
    if (np.abs(labels) < 2**31).all() and (labels == np.rint(labels)).all():
        return labels.astype(np.int64)
    return labels
