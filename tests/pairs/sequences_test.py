import itertools

import numpy as np
import pytest

from o2v_keras.pairs import sequences

LOG = {
    "who": ["u", "v", "u", "u", "v", "w"],
    "item": ["b", "x", "a", "b", "y", "z"],
    "time": [2, 1, 1, 3, 2, 1],
}


def rows(table):
    return [(r["in0"], r["in1"]) for r in table.to_pylist()]


def test_items_before_an_item_are_in_order():
    pairs = sequences(LOG, "who", "item", time="time")
    assert sorted(rows(pairs.train)) == [("a", "b"), ("a|b", "b"), ("x", "y")]
    assert set(pairs.train["session"].to_pylist()) == {"u", "v"}
    assert pairs.report.counts["dropped: sessions of one item"] == 1
    pairs = sequences(LOG, "who", "item")
    assert sorted(rows(pairs.train)) == [("b", "a"), ("b|a", "b"), ("x", "y")]


def test_a_window_is_the_last_items():
    pairs = sequences([list(range(1, 31))], window=3)
    found = dict((item, before) for before, item in rows(pairs.train))
    assert found[2] == [1] and found[30] == [27, 28, 29]
    assert pairs.report.hyperparameters == {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 31,
        "enc1_max_seq_len": 1,
        "enc1_vocab_size": 31,
    }


def test_long_sessions_keep_their_end():
    pairs = sequences([list(range(1, 31)), [1, 2]], max_items=5)
    assert sorted(item for _, item in rows(pairs.train)) == [2, 27, 28, 29, 30]
    what = "dropped: first rows of sessions with more than 5"
    assert pairs.report.counts[what] == 25


def test_rare_items_are_left_out_of_their_sessions():
    pairs = sequences([[1, 9, 2], [1, 2], [2, 1]], min_sessions=2)
    assert sorted(rows(pairs.train)) == [([1], 2), ([1], 2), ([2], 1)]


@pytest.fixture(scope="module")
def sessions():
    generator = np.random.default_rng(0)
    return [generator.permutation(200)[:8].tolist() for _ in range(100)]


def test_sessions_are_held_out_whole(sessions):
    names = [[f"p{i}" for i in session] for session in sessions]
    pairs = sequences(names, split="sessions", test=20, validation=10)
    parts = [
        {item for before, item in rows(part) for item in [item]}
        for part in (pairs.train, pairs.validation, pairs.test)
    ]
    assert all(parts)
    assert [len(p) for p in (pairs.train, pairs.validation, pairs.test)] == [
        70 * 7,
        10 * 7,
        20 * 7,
    ]


def test_the_last_items_of_sessions_are_held_out(sessions):
    pairs = sequences(
        [[f"p{i}" for i in s] for s in sessions],
        split="last",
        test=1,
        validation=1,
        window=20,
    )
    assert len(pairs.test) == len(pairs.validation) == 100
    lasts = {f"p{session[-1]}" for session in sessions}
    assert {item for _, item in rows(pairs.test)} == lasts
    assert {len(before.split("|")) for before, _ in rows(pairs.test)} == {7}


def test_the_last_items_of_all_are_held_out():
    log = {
        "who": [n % 10 for n in range(100)],
        "item": [f"p{n}" for n in range(100)],
        "time": list(range(100)),
    }
    pairs = sequences(log, "who", "item", time="time", split="time")
    times = [
        [int(item[1:]) for _, item in rows(part)]
        for part in (pairs.train, pairs.validation, pairs.test)
    ]
    for earlier, later in itertools.pairwise(times):
        assert max(earlier) < min(later)


def test_equal_pairs_are_in_one_part():
    pairs = sequences([["a", "b"]] * 10, split="sessions")
    assert pairs.test is pairs.validation is None
    what = "dropped: test pairs that are in another part"
    assert pairs.report.counts[what] == 1
    # Their order counts.
    pairs = sequences(
        [["a", "b", "c"]] * 9 + [["b", "a", "c"]], split="sessions"
    )
    assert len(pairs.train) == 8 * 2 or pairs.test is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "`window` must be a whole number of at least 1"),
        ({"max_items": 1}, "`max_items` must be a whole number of at least 2"),
        ({"split": "time"}, "`split` must be another one than"),
        ({"split": "user"}, "`split` must be one of sessions, last, time"),
        ({"lines": True}, "`lines` must be left out"),
        ({"ids": "numbers"}, '`ids` must be "names" unless'),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        sequences(LOG, "who", "item", **options)
