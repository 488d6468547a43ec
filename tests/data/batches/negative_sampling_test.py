import collections

import numpy as np
import pytest

from o2v_keras.data.batches.negative_sampling import NegativeSampler
from o2v_keras.data.pair_table import PairTable

SIDES = ("in0", "in1", "both")


def make_table(in0, in1):
    return PairTable.from_arrays(in0, in1, np.ones(len(in0)))


def crowded_table():
    """Few objects in many pairs, so that draws often hit known ones."""
    rng = np.random.default_rng(0)
    objects = [[1], [2], [1, 2], [2, 1], [1, 2, 2], [3]]
    picks = rng.integers(0, len(objects), (2, 18))
    in0, in1 = ([objects[i] for i in side] for side in picks)
    return make_table(in0, in1)


def objects_of(sequences, rows):
    return [tuple(sequences[row].tolist()) for row in rows]


def pairs_of(table, in0_rows, in1_rows):
    return list(
        zip(
            objects_of(table.in0, in0_rows),
            objects_of(table.in1, in1_rows),
            strict=True,
        )
    )


@pytest.mark.parametrize("distribution", ["records", "objects"])
@pytest.mark.parametrize("side", SIDES)
def test_never_draws_a_known_pair(side, distribution):
    table = crowded_table()
    every_row = np.arange(len(table))
    known = set(pairs_of(table, every_row, every_row))
    sampler = NegativeSampler(table, 3, side, distribution)
    generator = np.random.default_rng(1)
    for _ in range(50):
        drawn = sampler.sample(generator)
        assert known.isdisjoint(pairs_of(table, drawn.in0_rows, drawn.in1_rows))


@pytest.mark.parametrize("side", SIDES)
def test_makes_the_rate_of_each_record_and_keeps_its_other_side(side):
    rows = np.arange(1, 101)
    drawn = NegativeSampler(make_table(rows, rows), 3, side).sample(
        np.random.default_rng(0)
    )
    records = np.repeat(np.arange(100), 3)
    np.testing.assert_array_equal(drawn.records, records)
    keeps0 = drawn.in0_rows == records
    keeps1 = drawn.in1_rows == records
    assert (keeps0 != keeps1).all()
    assert drawn.left_out == 0
    low, high = {"in0": (0, 0), "in1": (1, 1), "both": (0.4, 0.6)}[side]
    assert low <= keeps0.mean() <= high


def expected_draws(weights, partners):
    """Shares of each object when a record's own partner is never drawn."""
    shares = np.zeros(len(weights))
    for partner in partners:
        others = np.where(np.arange(len(weights)) == partner, 0, weights)
        shares += others / others.sum()
    return shares / shares.sum()


@pytest.mark.parametrize("side", ["in0", "in1"])
@pytest.mark.parametrize("distribution", ["records", "objects"])
def test_draws_by_frequency_or_evenly(distribution, side):
    counts = np.array([1, 2, 4, 8, 16])
    partners = np.repeat(np.arange(5), counts)
    # Objects of several ids, two of which begin alike.
    objects = [[7], [7, 8], [8], [9, 9, 9], [8, 7]]
    crowd = [objects[i] for i in partners]
    single = np.arange(1, 32)
    sides = {"in0": (crowd, single), "in1": (single, crowd)}
    table = make_table(*sides[side])
    sampler = NegativeSampler(table, 300, side, distribution)
    drawn = sampler.sample(np.random.default_rng(0))
    rows = drawn.in0_rows if side == "in0" else drawn.in1_rows
    observed = np.bincount(partners[rows], minlength=5)

    def chi_square(weights):
        expected = expected_draws(weights, partners) * observed.sum()
        return ((observed - expected) ** 2 / expected).sum()

    by_frequency, evenly = chi_square(counts), chi_square(np.ones(5))
    right, wrong = by_frequency, evenly
    if distribution == "objects":
        right, wrong = evenly, by_frequency
    assert right < 18.5  # 99.9 % of samples, 4 degrees of freedom
    assert wrong > 500


def test_leaves_out_and_counts_what_has_no_partner():
    # Object 1 meets both objects of the other side, 2 and 3 one each.
    table = make_table([1, 1, 2, 3], [5, 6, 5, 6])
    drawn = NegativeSampler(table, rate=2).sample(np.random.default_rng(0))
    assert drawn.left_out == 4
    assert drawn.in0_rows.tolist() == [2, 2, 3, 3]
    assert table.in1.values[drawn.in1_rows].tolist() == [6, 6, 5, 5]


def test_gives_up_after_20_draws():
    # One record in a hundred is a negative partner of object 1.
    table = make_table([1] * 99 + [2], [5] * 99 + [6])
    sampler = NegativeSampler(table, rate=20)
    drawn = sampler.sample(np.random.default_rng(0))
    share = collections.Counter(objects_of(table.in0, drawn.in0_rows))
    assert share[(1,)] / (99 * 20) == pytest.approx(1 - 0.99**20, abs=0.03)
    assert drawn.left_out == 99 * 20 - share[(1,)]


@pytest.mark.parametrize("exactly", [5, 36])
def test_returns_exactly_the_number_asked_for(exactly):
    table = crowded_table()
    every_row = np.arange(len(table))
    known = set(pairs_of(table, every_row, every_row))
    drawn = NegativeSampler(table, rate=2).sample(
        np.random.default_rng(0), exactly
    )
    assert len(drawn.in0_rows) == len(drawn.in1_rows) == exactly
    assert drawn.left_out == 36 - exactly
    assert known.isdisjoint(pairs_of(table, drawn.in0_rows, drawn.in1_rows))


def test_follows_from_the_state_of_the_generator():
    sampler = NegativeSampler(crowded_table(), 3, "both")
    first, again, other = (
        sampler.sample(np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first.in0_rows, again.in0_rows)
    np.testing.assert_array_equal(first.in1_rows, again.in1_rows)
    assert not np.array_equal(first.in1_rows, other.in1_rows)
