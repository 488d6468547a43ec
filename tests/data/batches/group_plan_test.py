"""Plans that keep a positive and its negatives together, for `bpr`."""

import json

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pairs

ROWS, RATE = 21, 2
GROUP = 1 + RATE
BUCKETS = {"bucket_width": 2}


def make_config(**changes):
    # Room for three groups, and a row that stays free.
    fields = {
        "enc0_max_seq_len": 6,
        "enc0_vocab_size": 90,
        "mini_batch_size": 10,
        "output_layer": "bpr",
        "negative_sampling_rate": RATE,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table(rows=ROWS, weights=None):
    """Distinct objects of 1 to 6 ids."""
    rng = np.random.default_rng(rows)
    sides = [
        [[n + 1, *rng.integers(1, 90, rng.integers(0, 6))] for n in range(rows)]
        for _ in range(2)
    ]
    return PairTable.from_arrays(*sides, np.ones(rows), weights)


def crowded_table():
    """Two users with six films; one of them knows all, one a single one."""
    pairs = [*((1, film) for film in range(1, 7)), (2, 6)]
    users, films = zip(*pairs, strict=True)
    return PairTable.from_arrays(users, films, np.ones(len(pairs)))


def groups_of(plan, column):
    return getattr(plan, column).reshape(-1, GROUP)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("side", ["in0", "in1", "both"])
@pytest.mark.parametrize("changes", [{}, BUCKETS], ids=["plain", "buckets"])
@pytest.mark.parametrize("training", [True, False])
def test_groups_are_whole(training, changes, side, replicas):
    config = make_config(negative_sampling_side=side, **changes)
    planner = EpochPlanner(make_table(), config, training, replicas)
    assert planner.num_rows == ROWS * GROUP
    counts = set()
    for epoch in range(3):
        plan = planner.plan(epoch)
        sizes = np.diff(plan.batch_offsets)
        counts.add(len(sizes))
        assert not (sizes % (GROUP * replicas)).any()
        assert (sizes <= 9 + GROUP * (replicas - 1)).all()
        real = groups_of(plan, "weights")[:, 0] > 0
        in0 = groups_of(plan, "in0_rows")[real]
        in1 = groups_of(plan, "in1_rows")[real]
        # Each record comes once, and before its own negatives.
        assert sorted(in0[:, 0]) == list(range(ROWS))
        np.testing.assert_array_equal(in0[:, 0], in1[:, 0])
        same0, same1 = in0[:, 1:] == in0[:, :1], in1[:, 1:] == in1[:, :1]
        assert (same0 != same1).all()
        if side != "both":
            assert {"in0": same1, "in1": same0}[side].all()
        labels = groups_of(plan, "labels")
        np.testing.assert_array_equal(
            labels, np.tile([1, 0, 0], (len(real), 1))
        )
        assert (groups_of(plan, "weights")[~real] == 0).all()
        if not training:
            assert in0[:, 0].tolist() == list(range(ROWS))
    assert counts == {planner.num_batches}


def test_training_shuffles_and_draws_anew_and_scoring_does_not():
    def plans(training, seed=0):
        config = make_config(seed=seed)
        planner = EpochPlanner(make_table(), config, training)
        return [groups_of(planner.plan(epoch), "in1_rows") for epoch in (0, 1)]

    first, second = plans(True)
    assert not np.array_equal(first[:, 0], second[:, 0])
    again, _ = plans(True)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(plans(False)[0], plans(False)[0])
    assert not np.array_equal(plans(False)[0], plans(False, seed=1)[0])


def test_buckets_are_those_of_the_longest_of_a_group():
    table = make_table(60)
    plan = EpochPlanner(table, make_config(**BUCKETS), True).plan(0)
    edges = plan.batch_offsets[1:-1] // GROUP
    for side in ("in0", "in1"):
        lengths = table.sides[side].lengths[groups_of(plan, f"{side}_rows")]
        buckets = (lengths.max(axis=1) - 1) // 2
        for batch in np.split(buckets, edges):
            assert len(set(batch)) == 1


@pytest.mark.parametrize("training", [True, False])
def test_what_is_not_found_weighs_nothing(training):
    plan = EpochPlanner(crowded_table(), make_config(), training).plan(0)
    found = groups_of(plan, "weights")[:, 1:] > 0
    knows_all = groups_of(plan, "in0_rows")[:, 0] < 6
    np.testing.assert_array_equal(found.all(axis=1), ~knows_all)
    np.testing.assert_array_equal(found.any(axis=1), ~knows_all)
    assert plan.left_out == 6 * RATE


@pytest.mark.parametrize("side", ["in0", "in1"])
def test_pairs_of_the_training_data_are_no_negatives(side):
    users, films = np.repeat(np.arange(1, 6), 2), np.arange(1, 11)
    scored = PairTable.from_arrays(users, films, np.ones(10))
    known = [(u, f) for u in range(1, 6) for f in range(1, 11) if (u + f) % 2]
    training = PairTable.from_arrays(*zip(*known, strict=True), np.ones(25))
    config = make_config(negative_sampling_side=side)
    for table, hits in ((training, False), (None, True)):
        plan = EpochPlanner(scored, config, False, known=table).plan(0)
        found = groups_of(plan, "weights")[:, 1:] > 0
        in0 = users[groups_of(plan, "in0_rows")[:, 1:][found]]
        in1 = films[groups_of(plan, "in1_rows")[:, 1:][found]]
        drawn = set(zip(in0.tolist(), in1.tolist(), strict=True))
        assert drawn
        assert bool(drawn & set(known)) == hits


def test_no_negative_at_all_is_an_error():
    table = PairTable.from_arrays([[1], [2]], [[3], [3]], [1, 1])
    with pytest.raises(DataError, match="row 0: no negative was found"):
        EpochPlanner(table, make_config(), False)


def test_weights_are_those_of_the_positive():
    weights = 1 + np.arange(ROWS) / 4
    planner = EpochPlanner(make_table(weights=weights), make_config(), True)
    plan = planner.plan(0)
    expected = weights[groups_of(plan, "in0_rows")[:, 0]]
    assert (groups_of(plan, "weights") == expected[:, None]).all()


def columns_of(batches):
    """First ids and weights of an epoch's batches, a row for each pair."""
    return [
        np.column_stack(
            [inputs["in0"][:, 0], inputs["in1"][:, 0], labels, weights]
        )
        for inputs, labels, weights in batches.dataset().as_numpy_iterator()
    ]


@pytest.mark.parametrize("kind", ["table", "stream"])
def test_workers_share_groups(tmp_path, kind):
    table, config = make_table(), make_config()
    if kind == "stream":
        write(tmp_path, table)

    def play(share):
        if kind == "table":
            return columns_of(PairBatches(table, config, True, 2, share))
        stream = PairStream(tmp_path, config, 12)
        return columns_of(PairBatches(stream, config, True, 2, share))

    whole, *parts = (play(share) for share in ((0, 1), (0, 2), (1, 2)))
    for batch, first, second in zip(whole, *parts, strict=True):
        groups = batch.reshape(-1, GROUP, 4)
        np.testing.assert_array_equal(first.reshape(-1, GROUP, 4), groups[::2])
        np.testing.assert_array_equal(
            second.reshape(-1, GROUP, 4), groups[1::2]
        )


def write(folder, table):
    with open(folder / "a.jsonl", "w") as file:
        for row in range(len(table)):
            sides = {n: side[row].tolist() for n, side in table.sides.items()}
            file.write(json.dumps({**sides, "label": 1}) + "\n")


def test_one_block_is_as_memory(tmp_path):
    write(tmp_path, make_table())
    config = make_config()
    streamed = PairBatches(PairStream(tmp_path, config, ROWS), config, True)
    in_memory = PairBatches(read_pairs(tmp_path).table, config, True)
    assert streamed.num_rows == in_memory.num_rows
    pairs = columns_of(streamed), columns_of(in_memory)
    for first, second in zip(*pairs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_an_added_batch_is_of_whole_groups():
    batches = PairBatches(make_table(), make_config(), True, 2)
    batches.fill_up(batches.num_batches + 1)
    *_, last = columns_of(batches)
    assert last.shape == (2 * GROUP, 4)
    assert (last[:, 3] == 0).all()
