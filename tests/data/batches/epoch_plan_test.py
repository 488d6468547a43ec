import collections

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.negative_sampling import NegativeSampler
from o2v_keras.data.pair_table import PairTable

BUCKETS = {"bucket_width": 2}
NEGATIVES = {"negative_sampling_rate": 2}
VARIANTS = {
    "plain": {},
    "buckets": BUCKETS,
    "negatives": NEGATIVES,
    "buckets_and_negatives": {**BUCKETS, **NEGATIVES},
}
SIZE = 4
MAX_SEQ_LEN = 6


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": MAX_SEQ_LEN,
        "enc0_vocab_size": 30,
        "mini_batch_size": SIZE,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table(rows=21, labels=None):
    """Rows of 1 to 8 random ids, some longer than `MAX_SEQ_LEN`."""
    rng = np.random.default_rng(rows)
    sides = [
        [rng.integers(1, 30, rng.integers(1, 9)) for _ in range(rows)]
        for _ in range(2)
    ]
    labels = np.ones(rows) if labels is None else labels
    return PairTable.from_arrays(*sides, labels)


def make_planner(table=None, training=True, replicas=1, **changes):
    table = make_table() if table is None else table
    return EpochPlanner(table, make_config(**changes), training, replicas)


def cut(plan, column):
    return np.split(column, plan.batch_offsets[1:-1])


def buckets(table, rows, side):
    lengths = np.minimum(getattr(table, side).lengths[rows], MAX_SEQ_LEN)
    return (lengths - 1) // BUCKETS["bucket_width"]


def assert_same_plan(first, second):
    for name in ("in0_rows", "in1_rows", "labels", "weights", "batch_offsets"):
        np.testing.assert_array_equal(
            getattr(first, name), getattr(second, name), name
        )
    assert first.left_out == second.left_out


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_plan_follows_from_seed_and_epoch_alone(changes):
    planner = make_planner(**changes)
    plans = [planner.plan(epoch) for epoch in range(3)]
    assert_same_plan(make_planner(**changes).plan(2), plans[2])
    for other in (plans[1], make_planner(seed=1, **changes).plan(0)):
        assert not np.array_equal(other.in0_rows, plans[0].in0_rows)


@pytest.mark.parametrize("replicas", [1, 2, 4])
@pytest.mark.parametrize("changes", [{}, BUCKETS], ids=["plain", "buckets"])
def test_every_row_is_taken_once(changes, replicas):
    labels = np.arange(21) / 10
    planner = make_planner(
        make_table(labels=labels),
        replicas=replicas,
        output_layer="mean_squared_error",
        **changes,
    )
    plan = planner.plan(1)
    real = plan.weights == 1
    assert sorted(plan.in0_rows[real]) == list(range(21))
    np.testing.assert_array_equal(plan.in0_rows, plan.in1_rows)
    np.testing.assert_array_equal(plan.labels, labels[plan.in0_rows])


def test_scoring_keeps_the_order_of_the_file():
    settings = {**BUCKETS, **NEGATIVES}
    plan = make_planner(training=False, **settings).plan(0)
    np.testing.assert_array_equal(plan.in0_rows, np.arange(21))
    np.testing.assert_array_equal(plan.in1_rows, np.arange(21))
    assert np.diff(plan.batch_offsets).tolist() == [4, 4, 4, 4, 4, 1]


def test_last_batch_is_kept_as_it_is():
    plan = make_planner(make_table(10)).plan(0)
    assert plan.batch_offsets.tolist() == [0, 4, 8, 10]
    assert (plan.weights == 1).all()


def test_rows_of_a_batch_share_both_buckets():
    table = make_table(200)
    plan = make_planner(table, **BUCKETS).plan(0)
    sizes = collections.defaultdict(list)
    for rows in cut(plan, plan.in0_rows):
        pairs = set(
            zip(
                buckets(table, rows, "in0"),
                buckets(table, rows, "in1"),
                strict=True,
            )
        )
        assert len(pairs) == 1
        sizes[pairs.pop()].append(len(rows))
    # Only one batch of each bucket is short.
    assert all(sorted(s)[1:] == [SIZE] * (len(s) - 1) for s in sizes.values())
    assert len(sizes) == 9


def test_batches_of_a_bucket_are_spread_over_the_epoch():
    table = make_table(200)
    planner = make_planner(table, **BUCKETS)
    runs = []
    for epoch in range(2):
        plan = planner.plan(epoch)
        first = plan.in0_rows[plan.batch_offsets[:-1]]
        runs.append(np.count_nonzero(np.diff(buckets(table, first, "in0"))))
    # Bucket after bucket there would be two changes.
    assert min(runs) > 10


def test_every_epoch_has_as_many_pairs_and_batches():
    table = make_table(12)
    planner = make_planner(table, replicas=2, **BUCKETS, **NEGATIVES)
    natural = []
    for epoch in range(40):
        plan = planner.plan(epoch)
        real = plan.weights == 1
        assert real.sum() == planner.num_rows == 36
        sizes = np.diff(plan.batch_offsets)
        assert len(sizes) == planner.num_batches
        assert sizes.min() >= 1
        assert sizes.max() <= SIZE
        in_bucket = collections.Counter(
            zip(
                buckets(table, plan.in0_rows[real], "in0"),
                buckets(table, plan.in1_rows[real], "in1"),
                strict=True,
            )
        )
        natural.append(sum(-(-n // SIZE) for n in in_bucket.values()))
    # Epochs whose own number of batches lies on either side were among them.
    assert min(natural) < planner.num_batches < max(natural)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("replicas", [2, 4])
def test_fill_rows_have_weight_0_and_make_batches_divide(replicas, changes):
    planner = make_planner(replicas=replicas, **changes)
    plan = planner.plan(0)
    assert (plan.weights == 1).sum() == planner.num_rows
    assert (plan.weights == 0).any()
    batches = zip(
        cut(plan, plan.in0_rows), cut(plan, plan.weights), strict=True
    )
    for rows, weights in batches:
        assert len(rows) % replicas == 0
        real = int(weights.sum())
        assert len(rows) - real < replicas
        assert weights.tolist() == [1] * real + [0] * (len(rows) - real)
        # A fill row never makes a batch longer.
        assert set(rows[real:]) <= set(rows[:real])


def test_negatives_have_label_0_and_mix_with_positives():
    plan = make_planner(make_table(200), **NEGATIVES).plan(0)
    np.testing.assert_array_equal(plan.labels, plan.in0_rows == plan.in1_rows)
    assert plan.labels.sum() == 200
    assert len(plan.labels) == 600
    mixed = [len(set(labels)) == 2 for labels in cut(plan, plan.labels)]
    assert np.mean(mixed) > 0.7


def test_negatives_are_drawn_anew_every_epoch():
    planner = make_planner(make_table(200), **NEGATIVES)
    drawn = [
        set(zip(plan.in0_rows, plan.in1_rows, strict=True))
        for plan in map(planner.plan, range(2))
    ]
    assert len(drawn[0] & drawn[1]) < 300


def test_negatives_without_partner_are_counted():
    # The first object is paired with both objects of the other side.
    table = PairTable.from_arrays([1, 1, 2], [3, 4, 3], np.ones(3))
    planner = make_planner(table, **NEGATIVES)
    assert planner.num_rows == 3 + 2
    assert planner.plan(0).left_out == planner.plan(5).left_out == 4


def test_rare_partners_do_not_change_the_length_of_an_epoch():
    # One record in thirty holds the only negative partner of object 1.
    table = PairTable.from_arrays([1] * 29 + [2], [3] * 29 + [4], np.ones(30))
    sampler = NegativeSampler(table, rate=2)
    found = {
        len(sampler.sample(np.random.default_rng(epoch)).in0_rows)
        for epoch in range(5)
    }
    assert len(found) > 1
    planner = make_planner(table, **NEGATIVES)
    for epoch in range(5):
        plan = planner.plan(epoch)
        assert len(plan.in0_rows) == planner.num_rows
        assert plan.left_out == 90 - planner.num_rows
