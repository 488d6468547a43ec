import collections
import itertools
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.pairs import interactions

SPLITS = ("random", "user", "user-time", "time", "cold-users", "cold-items")


@pytest.fixture(scope="module")
def log():
    """2,000 rows of 60 users and 80 items, some rows twice."""
    generator = np.random.default_rng(7)
    return pa.table(
        {
            "user": generator.integers(1, 61, 2_000),
            "item": np.minimum(generator.geometric(0.04, 2_000), 80),
            "time": generator.integers(0, 500, 2_000),
        }
    )


def records(log):
    """The distinct (user, item), each with its first time."""
    first = {}
    for row in log.to_pylist():
        key = row["user"], row["item"]
        first[key] = min(first.get(key, row["time"]), row["time"])
    return first


def rows(table):
    return [] if table is None else table.to_pylist()


def parts_of(pairs):
    return [rows(pairs.train), rows(pairs.validation), rows(pairs.test)]


def test_pairs_are_the_distinct_records(log):
    pairs = interactions(log, "user", "item")
    found = {(row["in0"], row["in1"]) for row in rows(pairs.train)}
    assert found == set(records(log))
    assert len(pairs.train) == len(found)
    dropped = pairs.report.counts["dropped: rows that repeat a user and item"]
    assert dropped == len(log) - len(found)
    assert pairs.report.hyperparameters == {
        "enc0_max_seq_len": 1,
        "enc0_vocab_size": 61,
        "enc1_max_seq_len": 1,
        "enc1_vocab_size": 81,
    }


@pytest.mark.parametrize("draws", [1, 3])
def test_a_bag_holds_others_of_the_user_and_not_its_target(log, draws):
    items = collections.defaultdict(set)
    for user, item in records(log):
        items[user].add(item)
    pairs = interactions(
        log, "user", "item", user_as="items", bag_size=6, draws=draws
    )
    bags = collections.defaultdict(set)
    for row in rows(pairs.train):
        own, bag = items[row["user"]], row["in0"]
        assert row["in1"] in own and row["in1"] not in bag
        assert len(set(bag)) == len(bag) == min(6, len(own) - 1)
        assert set(bag) <= own
        bags[row["user"], row["in1"]].add(tuple(sorted(bag)))
    assert len(pairs.train) == draws * len(records(log))
    # Draws differ where there is a choice.
    if draws > 1:
        assert np.mean([len(drawn) for drawn in bags.values()]) > 2.5


def test_members_of_bags_are_drawn_evenly(log):
    shares = []
    for seed in range(30):
        pairs = interactions(
            log, "user", "item", user_as="items", bag_size=5, seed=seed
        )
        found = pairs.train.filter(pc.field("user") == 1)
        shares.append(
            collections.Counter(itertools.chain(*found["in0"].to_pylist()))
        )
    counts = sum(shares, collections.Counter())
    values = np.array(list(counts.values()))
    assert values.min() > 0.5 * values.mean()
    assert values.max() < 1.5 * values.mean()


def test_earlier_items_are_in_order_of_time():
    log = {
        "user": ["u"] * 5 + ["v"],
        "item": ["c", "a", "d", "b", "a", "z"],
        "time": [3, 1, 4, 2, 9, 1],
    }
    pairs = interactions(
        log,
        "user",
        "item",
        time="time",
        user_as="items",
        earlier=True,
        bag_size=2,
    )
    found = {row["in1"]: row["in0"] for row in rows(pairs.train)}
    assert found == {"b": "a", "c": "a|b", "d": "b|c"}
    assert pairs.report.counts["dropped: train pairs whose bag is empty"] == 2


def test_a_held_out_item_is_shown_what_is_not_later():
    train = {"user": [1, 1, 1], "item": [5, 6, 7], "time": [1, 4, 5]}
    test = {"user": [1], "item": [8], "time": [4]}
    options = {"time": "time", "earlier": True, "user_as": "items"}
    pairs = interactions(train, "user", "item", test_source=test, **options)
    assert pairs.test["in0"].to_pylist() == [[5, 6]]


def test_earlier_users_of_an_item():
    log = {"user": [1, 2, 3], "item": [7, 7, 7], "time": [1, 2, 3]}
    options = {"time": "time", "earlier": True, "item_as": "users"}
    pairs = interactions(log, "user", "item", **options)
    found = {row["in0"]: row["in1"] for row in rows(pairs.train)}
    assert found == {2: [1], 3: [1, 2]}


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("split", SPLITS)
def test_what_is_held_out_is_in_no_other_part(log, split, earlier):
    pairs = interactions(
        log,
        "user",
        "item",
        time="time",
        user_as="items",
        item_as="users",
        earlier=earlier,
        bag_size=8,
        split=split,
        validation=0.1,
        test=0.2,
    )
    first = records(log)
    parts = [{(r["user"], r["item"]) for r in p} for p in parts_of(pairs)]
    assert all(parts)
    assert not any(a & b for a, b in itertools.combinations(parts, 2))
    sides = [
        {(tuple(sorted(r["in0"])), tuple(sorted(r["in1"]))) for r in part}
        for part in parts_of(pairs)
    ]
    assert not any(a & b for a, b in itertools.combinations(sides, 2))
    # Only earlier pairs have no empty bags.
    kept = sum(map(len, parts))
    assert kept <= len(first) and kept > 0.5 * len(first)
    # Pairs whose own bag is empty are in those of others.
    plain = interactions(
        log,
        "user",
        "item",
        time="time",
        split=split,
        validation=0.1,
        test=0.2,
    )
    known = {(row["in0"], row["in1"]) for row in rows(plain.train)}
    held_out = [*parts_of(pairs)[1], *parts_of(pairs)[2]]
    for row in held_out:
        user, item = row["user"], row["item"]
        targets = {i for u, i in parts[1] | parts[2] if u == user}
        assert not targets & set(row["in0"])
        if split != "cold-users":
            assert {(user, other) for other in row["in0"]} <= known
        if split != "cold-items":
            assert {(other, item) for other in row["in1"]} <= known
        raters = {u for u, i in parts[1] | parts[2] if i == item}
        assert not raters & set(row["in1"])
        if earlier:
            times = [first[user, other] for other in row["in0"]]
            assert times == sorted(times)
            assert times[-1] <= first[user, item]


def test_shares_and_numbers_of_a_user_are_held_out(log):
    size = collections.Counter(user for user, _ in records(log))
    pairs = interactions(log, "user", "item", split="user", test=0.2)
    train, validation, test = (
        collections.Counter(row["in0"] for row in part)
        for part in parts_of(pairs)
    )
    for user, count in size.items():
        assert abs(test[user] - 0.2 * count) <= 0.5
        assert abs(validation[user] - 0.1 * count) <= 0.5
        assert train[user] + validation[user] + test[user] == count
    pairs = interactions(
        log, "user", "item", split="user", test=1, validation=0
    )
    assert collections.Counter(pairs.test["in0"].to_pylist()) == dict.fromkeys(
        size, 1
    )
    assert pairs.validation is None


def test_a_user_of_one_item_stays_in_training():
    log = {"user": [1, 2, 2], "item": [5, 5, 6]}
    pairs = interactions(log, "user", "item", split="user", test=5)
    assert sorted(pairs.train["in0"].to_pylist()) == [1, 2]
    assert pairs.test["in0"].to_pylist() == [2]
    log = {"user": [1, 1, 1], "item": [5, 6, 7]}
    pairs = interactions(
        log, "user", "item", split="user", test=1, validation=5
    )
    assert [len(part) for part in parts_of(pairs)] == [1, 1, 1]


@pytest.mark.parametrize("split", ["time", "user-time"])
def test_the_last_records_are_held_out(log, split):
    first = records(log)
    pairs = interactions(log, "user", "item", time="time", split=split)
    times = [
        [(first[r["in0"], r["in1"]], r["in0"]) for r in part]
        for part in parts_of(pairs)
    ]
    for earlier, later in itertools.pairwise(times):
        users = {user for _, user in later} if split == "user-time" else {None}
        for user in users:
            before = [t for t, own in earlier if user in (None, own)]
            after = [t for t, own in later if user in (None, own)]
            assert max(before) <= min(after)


@pytest.mark.parametrize("side", [0, 1])
def test_cold_objects_are_in_one_part(log, side):
    kind = ("cold-users", "cold-items")[side]
    pairs = interactions(log, "user", "item", split=kind, test=9)
    own = [{r[f"in{side}"] for r in part} for part in parts_of(pairs)]
    assert not any(a & b for a, b in itertools.combinations(own, 2))
    assert len(own[2]) == 9


def test_a_cold_user_is_shown_four_fifths_of_his_items(log):
    pairs = interactions(
        log, "user", "item", user_as="items", split="cold-users", test=9
    )
    counts = collections.Counter(user for user, _ in records(log))
    bags = {row["user"]: set() for row in rows(pairs.test)}
    targets = collections.Counter(row["user"] for row in rows(pairs.test))
    for row in rows(pairs.test):
        bags[row["user"]].add(tuple(row["in0"]))
    for user, own in bags.items():
        ((bag),) = own
        assert len(bag) == int(0.8 * counts[user])
        assert targets[user] == counts[user] - len(bag)
    assert not set(bags) & set(pairs.train["user"].to_pylist())


def test_given_test_data_lose_the_pairs_of_the_training():
    train = {"user": [1, 1, 2, 2], "item": [5, 6, 5, 7]}
    test = {"user": [1, 2, 3], "item": [5, 6, 5]}
    pairs = interactions(
        train, "user", "item", test_source=test, user_as="items"
    )
    assert rows(pairs.test) == [
        {"user": 2, "in0": [7, 5], "in1": 6, "label": 1},
    ]
    counts = pairs.report.counts
    assert counts["dropped: held-out pairs that are in another part"] == 1
    assert counts["dropped: test pairs whose bag is empty"] == 1


def test_a_bag_that_another_user_has_in_training_is_no_test_row():
    train = {"user": [1, 2, 2], "item": [5, 5, 6]}
    test = {"user": [1], "item": [6]}
    pairs = interactions(
        train, "user", "item", test_source=test, user_as="items"
    )
    assert pairs.test is None
    what = "dropped: test pairs that are in another part"
    assert pairs.report.counts[what] == 1


def test_rare_objects_are_dropped_until_none_is_left():
    # Item 9 goes with user 3, and user 2 goes with item 9.
    log = {
        "user": [1, 1, 4, 4, 2, 2, 3],
        "item": [5, 6, 5, 6, 9, 5, 9],
    }
    pairs = interactions(log, "user", "item", min_items=2, min_users=2)
    assert sorted((r["in0"], r["in1"]) for r in rows(pairs.train)) == [
        (1, 5),
        (1, 6),
        (4, 5),
        (4, 6),
    ]
    what = (
        "dropped: pairs of users with fewer than 2 items or items with fewer "
        "than 2 users"
    )
    assert pairs.report.counts[what] == 3


RATED = {
    "user": ["a", "a", "a", "b", "b", "a"],
    "item": ["x", "y", "z", "x", "y", "x"],
    "stars": [2.0, 3.0, 5.0, 4.0, 1.5, 4.0],
    "time": [9, 2, 3, 4, 5, 1],
}


def labels(pairs):
    return {(r["in0"], r["in1"]): r["label"] for r in rows(pairs.train)}


def test_values_are_labels_those_of_the_last_row():
    pairs = interactions(RATED, "user", "item", value="stars")
    assert labels(pairs)["a", "x"] == 4
    pairs = interactions(RATED, "user", "item", value="stars", time="time")
    assert labels(pairs) == {
        ("a", "x"): 2,
        ("a", "y"): 3,
        ("a", "z"): 5,
        ("b", "x"): 4,
        ("b", "y"): 1.5,
    }


def test_thresholds_make_positives_and_negatives():
    options = {"value": "stars", "time": "time", "positive_from": 4}
    pairs = interactions(RATED, "user", "item", **options)
    assert labels(pairs) == {("a", "z"): 1, ("b", "x"): 1}
    assert pairs.report.counts["dropped: pairs with a value below 4"] == 3
    pairs = interactions(RATED, "user", "item", **options, negative_to=2)
    assert labels(pairs) == {
        ("a", "x"): 0,
        ("a", "z"): 1,
        ("b", "x"): 1,
        ("b", "y"): 0,
    }
    what = "dropped: pairs with a value below 4 and above 2"
    assert pairs.report.counts[what] == 1


def test_negatives_are_in_no_bag():
    log = {"user": [1] * 4, "item": [5, 6, 7, 8], "stars": [5, 5, 1, 5]}
    pairs = interactions(
        log,
        "user",
        "item",
        value="stars",
        positive_from=4,
        negative_to=2,
        user_as="items",
    )
    bags = {r["in1"]: (sorted(r["in0"]), r["label"]) for r in rows(pairs.train)}
    assert bags[7] == ([5, 6, 8], 0)
    assert bags[5] == ([6, 8], 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"weights": "count"}, [1, 2]),
        ({"weights": "log"}, [np.log(2), np.log(3)]),
        ({"weight": "plays"}, [7, 3.5]),
        ({"weight": "plays", "weights": "log"}, [np.log(8), np.log(4.5)]),
    ],
    ids=["count", "log", "column", "log_of_column"],
)
def test_repeated_rows_make_weights(options, expected):
    log = {"user": [1, 2, 2], "item": [5, 5, 5], "plays": [7, 1.5, 2]}
    pairs = interactions(log, "user", "item", **options)
    found = pairs.train.sort_by("in0")["weight"].to_pylist()
    assert found == pytest.approx(expected)


def test_users_with_very_many_items_keep_the_latest():
    log = {
        "user": [1] * 6 + [2],
        "item": [*range(1, 7), 1],
        "time": [5, 6, 1, 2, 3, 4, 1],
    }
    pairs = interactions(log, "user", "item", time="time", max_items=2)
    assert sorted((r["in0"], r["in1"]) for r in rows(pairs.train)) == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]
    counts = pairs.report.counts
    assert counts["users capped at 2 items"] == 1
    assert counts["dropped: items of capped users"] == 4


def test_features_are_tokens_of_their_side():
    log = {
        "user": ["Ann", "Bob", "Ann"],
        "film": ["Alien", "Alien", "Bambi"],
        "age": [24, 61, 24],
        "genre": ["horror, sf", "horror, sf", ""],
    }
    pairs = interactions(
        log,
        "user",
        "film",
        user_features=["age"],
        item_features=["genre"],
        item_separator=",",
        item_as="id+users",
    )
    found = {(r["user"], r["item"]): r for r in rows(pairs.train)}
    assert found["Ann", "Alien"]["in0"] == "user=Ann|age=24"
    assert found["Ann", "Alien"]["in1"] == (
        "item=Alien|Bob|genre=horror|genre=sf"
    )
    assert found["Ann", "Bambi"]["in1"] == "item=Bambi"
    assert pairs.report.hyperparameters == {
        "enc0_tokenizer": "categories",
        "enc0_max_seq_len": 2,
        "enc1_tokenizer": "categories",
        "enc1_max_seq_len": 4,
    }


@pytest.mark.parametrize(
    ("items", "are_ids"),
    [
        ([1, 2, 3], True),
        (["1", "2", "3"], True),
        ([0, 1, 2], False),
        ([-1, 1, 2], False),
        ([7, 8, 10**9], False),
        (["7", "07", "8"], False),
    ],
    ids=["numbers", "texts", "from_0", "negative", "gaps", "leading_0"],
)
def test_objects_are_ids_where_they_can_be(items, are_ids):
    pairs = interactions({"u": [1, 1, 1], "i": items}, "u", "i")
    found = pairs.train["in1"].to_pylist()
    expected = map(int if are_ids else str, items)
    assert sorted(found, key=str) == sorted(expected, key=str)
    names = interactions({"u": [1, 1, 1], "i": items}, "u", "i", ids="names")
    assert sorted(names.train["in1"].to_pylist()) == sorted(map(str, items))
    if not are_ids:
        with pytest.raises(ValueError, match='`ids` must be "names" unless'):
            interactions({"u": [1, 1, 1], "i": items}, "u", "i", ids="numbers")


def test_owners_of_bags_need_not_be_ids():
    log = {"u": ["a", "a"], "i": [1, 2]}
    pairs = interactions(log, "u", "i", user_as="items", ids="numbers")
    assert pairs.train.sort_by("in1").to_pylist()[0] == {
        "user": "a",
        "in0": [2],
        "in1": 1,
        "label": 1,
    }


def test_bars_in_names_do_not_split_bags():
    log = {"user": ["u"] * 3, "item": ["a|b", "c", "d\n e"]}
    pairs = interactions(log, "user", "item", user_as="items")
    found = {tuple(r["in0"].split("|")) for r in rows(pairs.train)}
    assert {len(bag) for bag in found} == {2}
    assert set(itertools.chain(*found)) == {"a/b", "c", "d  e"}
    assert pairs.report.counts['names in which "|" became "/"'] == 1


def write_csv(log, path):
    pyarrow.csv.write_csv(log, path)


def write_jsonl(log, path):
    path.write_text("".join(json.dumps(r) + "\n" for r in log.to_pylist()))


def test_a_seed_gives_the_same_rows_in_any_order_and_format(log, tmp_path):
    shuffled = log.take(np.random.default_rng(1).permutation(len(log)))
    write_csv(log, tmp_path / "log.csv")
    write_jsonl(shuffled, tmp_path / "log.jsonl")
    pyarrow.parquet.write_table(shuffled, tmp_path / "log.parquet")
    sources = [tmp_path / f"log.{e}" for e in ("csv", "jsonl", "parquet")]
    sources += [
        log.to_pandas(),
        {n: log[n].to_numpy() for n in ("user", "item")},
    ]
    made = [
        interactions(
            source,
            "user",
            "item",
            user_as="items",
            bag_size=5,
            draws=2,
            split="user",
            seed=3,
        )
        for source in sources
    ]
    for pairs in made[1:]:
        assert pairs.train == made[0].train
        assert pairs.test == made[0].test
    other = interactions(log, "user", "item", user_as="items", seed=4)
    assert other.train.slice(0, 5) != made[0].train.slice(0, 5)


def test_the_order_of_a_seed_is_for_ever():
    # Files of earlier versions were made so.
    log = {"user": ["a", "a", "a", "b", "b"], "item": ["x", "y", "z", "x", "y"]}
    pairs = interactions(log, "user", "item", user_as="items", seed=1)
    assert [(r["user"], r["in0"], r["in1"]) for r in rows(pairs.train)] == [
        ("a", "z|y", "x"),
        ("a", "y|x", "z"),
        ("b", "x", "y"),
        ("b", "y", "x"),
        ("a", "x|z", "y"),
    ]


def test_times_may_be_dates(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "u,i,t\n1,5,2026-01-02\n1,6,2026-01-01 10:00:00Z\n"
        "1,7,2026-01-01T12:00:00.5+03:00\n"
    )
    frame = pd.DataFrame(
        {
            "u": [1, 1, 1],
            "i": [5, 6, 7],
            "t": pd.to_datetime(["2026-01-03", "2026-01-02", "2026-01-01"]),
        }
    )
    for source in (path, frame):
        pairs = interactions(
            source, "u", "i", time="t", user_as="items", earlier=True
        )
        assert {r["in1"]: r["in0"] for r in rows(pairs.train)} == {
            6: [7],
            5: [7, 6],
        }


def test_logs_without_a_line_of_names(tmp_path):
    (tmp_path / "u.data").write_text("1\t5\t4\n1\t6\t2\n")
    (tmp_path / "ratings.dat").write_text("1::5::4\n1::6::2\n")
    for name, separator in (("u.data", "tab"), ("ratings.dat", "::")):
        pairs = interactions(
            tmp_path / name,
            "1",
            "2",
            value="3",
            separator=separator,
            header=False,
        )
        found = pairs.train.sort_by("in1").to_pylist()
        assert found == [
            {"in0": 1, "in1": 5, "label": 4},
            {"in0": 1, "in1": 6, "label": 2},
        ]


def test_lines_of_a_user_and_items(tmp_path):
    (tmp_path / "train.txt").write_text("0 5 6\n\n1 5\n")
    pairs = interactions(
        tmp_path / "train.txt", lines=True, item_separator="blank"
    )
    found = sorted((r["in0"], r["in1"]) for r in rows(pairs.train))
    assert found == [("0", 5), ("0", 6), ("1", 5)]


BAD = (
    "user,item,stars,when\nA,x,4,2026-01-01\nB,,3,2026-01-02\n"
    ",y,5,2026-01-03\nC,z,good,2026-01-04\nD,q,1,yesterday\nE,r,2,2026-01-05\n"
)


def test_bad_rows_are_named_or_left_out(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(BAD)
    options = {"value": "stars", "time": "when"}
    with pytest.raises(DataError) as error:
        interactions(path, "user", "item", **options)
    for text in (
        "6 rows read, 4 with errors",
        f'item: missing (1 row)\n    {path}:3: no "item"',
        f'user: missing (1 row)\n    {path}:4: no "user"',
        f"value: no number (1 row)\n    {path}:5: stars='good'",
        f"time: no time (1 row)\n    {path}:6: 'yesterday'",
    ):
        assert text in str(error.value)
    with pytest.raises(DataError, match="4 of 6 rows have errors, more than"):
        interactions(path, "user", "item", **options, skip_bad_rows=0.5)
    pairs = interactions(path, "user", "item", **options, skip_bad_rows=0.7)
    assert sorted(pairs.train["in0"].to_pylist()) == ["A", "E"]
    pairs.write(tmp_path / "pairs")
    lines = (tmp_path / "pairs/_rejected_rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user_as": "bag"}, "`user_as` must be one of id, items, id\\+items"),
        ({"bag_size": 0}, "`bag_size` must be a whole number of at least 1"),
        ({"draws": 2}, "`draws` must be 1 without bags"),
        ({"earlier": True}, "`time` must name a column where `earlier`"),
        ({"positive_from": 3}, "`value` must name the column that"),
        ({"split": "users"}, "`split` must be one of random, user, user-time"),
        ({"split": "time"}, "`split` must be another one than"),
        ({"split": "user", "test": 1.5}, "`test` must be a share below 1"),
        (
            {"split": "user", "test": float("nan")},
            "`test` must be a share below 1",
        ),
        (
            {"split": "user", "test": float("inf")},
            "`test` must be a share below 1",
        ),
        ({"split": "user", "test": 0.95}, "must leave rows for training"),
        (
            {"split": "user", "test_source": {"u": [1]}},
            "`split` must be left out where",
        ),
        ({"lines": True}, "`lines` must be left out where a column is named"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0"),
        (
            {"value": "v", "positive_from": 2, "negative_to": 2},
            "`negative_to` must be below `positive_from`",
        ),
        (
            {"ids": "numbers", "user_features": ["v"]},
            '`ids` must be "names" where a side holds other things',
        ),
    ],
)
def test_arguments_are_checked(options, message):
    log = {"u": [1, 2], "i": [3, 4], "v": [1, 2]}
    with pytest.raises(ValueError, match=message):
        interactions(log, "u", "i", **options)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"u": [1]}, "Missing: i"),
        ({"u": [1, 2], "i": [["a"], [["b"]]]}, 'column "i": '),
        ({"u": [{"a": 1}], "i": [1]}, "user: no name"),
        ({"u": np.array([1, np.nan]), "i": [1, 2]}, "user: missing"),
        ({"u": ["a"], "i": [1], "w": [-1.0]}, "weight: negative weight"),
        ({"u": ["a"], "i": [1], "w": [np.inf]}, "weight: not finite"),
        ({"u": [], "i": [], "w": []}, "at least one sound row"),
    ],
)
def test_bad_data_in_memory_are_named(source, message):
    weight = "w" if "w" in source else None
    with pytest.raises(DataError, match=message):
        interactions(source, "u", "i", weight=weight)


def test_nothing_left_is_an_error_with_counts():
    pairs = interactions({"u": [1], "i": [2]}, "u", "i", user_as="items")
    with pytest.raises(DataError, match="No training pair is left") as error:
        pairs.train  # noqa: B018
    assert "1  dropped: train pairs whose bag is empty" in str(error.value)
