import collections

import numpy as np
import pytest

from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation import nearest_unknown
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.mining import NegativeMiner
from tests.training.small_training import make_config

rng = np.random.default_rng(3)
IN0, IN1 = rng.integers(1, 8, 40), rng.integers(8, 25, 40)
LABELS = (rng.random(40) < 0.8).astype(float)


def make_parts(side="in1", count=2, **changes):
    config = make_config(
        output_layer="in_batch_softmax",
        negative_sampling_side=side,
        mined_negatives=count,
        **changes,
    )
    table = PairTable.from_arrays(IN0, IN1, LABELS)
    return Object2Vec(config), table, MinedRows(table, count, side)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("side", ["in1", "in0"])
def test_finds_the_nearest_unknown_objects(side, similarity, monkeypatch):
    monkeypatch.setattr(nearest_unknown, "_QUERIES", 3)
    monkeypatch.setattr(nearest_unknown, "_CANDIDATES", 5)
    model, table, mined = make_parts(side, similarity=similarity)
    found = NegativeMiner(model, table, mined, 2)()
    kept, own = (IN0, IN1) if side == "in1" else (IN1, IN0)
    known = set(zip(kept[LABELS == 1], own[LABELS == 1], strict=True))
    vectors = {
        value: np.asarray(encoder(np.array([[value]])))[0]
        for encoder, column in ((model.encoder0, IN0), (model.encoder1, IN1))
        for value in set(column)
    }
    if similarity == "cosine":
        vectors = {n: v / np.linalg.norm(v) for n, v in vectors.items()}
    records = collections.defaultdict(list)
    for row, rows in zip(mined.records, found, strict=True):
        records[kept[row]] += own[rows].tolist()
    for value, taken in records.items():
        unknown = [o for o in set(own) if (value, o) not in known]
        unknown.sort(key=lambda o: -vectors[value] @ vectors[o])
        expected = unknown[: len(taken)]
        # Records take turns; where there are too few, some come again.
        assert taken[: len(expected)] == expected
        assert set(taken) == set(expected)


def test_both_sides_share_the_negatives():
    model, table, mined = make_parts("both", 3)
    mined.found = NegativeMiner(model, table, mined, 3)()
    in0_rows, in1_rows, _ = mined.pairs(np.random.default_rng(0))
    own = np.repeat(mined.records, 3)
    np.testing.assert_array_equal(
        (IN0[in0_rows] == IN0[own])[0::3] & (IN0[in0_rows] == IN0[own])[1::3],
        True,
    )
    np.testing.assert_array_equal((IN1[in1_rows] == IN1[own])[2::3], True)


def test_an_object_that_knows_all_gets_known_ones():
    table = PairTable.from_arrays([1, 1, 2], [5, 6, 5], [1.0, 1.0, 1.0])
    config = make_config(output_layer="in_batch_softmax", mined_negatives=2)
    mined = MinedRows(table, 2, "in1")
    found = NegativeMiner(Object2Vec(config), table, mined, 2)()
    assert found.shape == (3, 2)
    assert set(np.array([5, 6, 5])[found[2]]) == {6}


def test_negatives_stand_beside_their_records():
    model, table, mined = make_parts(mini_batch_size=400)
    batches = PairBatches(table, model.config, True)
    positives = int(LABELS.sum())
    assert batches.num_rows == 40 + 2 * positives
    before = next(iter(batches.dataset()))
    batches.set_mined(NegativeMiner(model, table, batches.mined, 2)())
    inputs, targets = next(iter(batches.dataset()))
    assert len(targets) == len(before[1]) == batches.num_rows
    in0, in1 = (inputs[name].numpy()[:, 0] for name in ("in0", "in1"))
    places = np.flatnonzero(targets.numpy()[:, 0] == 1)
    assert len(places) == positives
    known = set(zip(IN0[LABELS == 1], IN1[LABELS == 1], strict=True))
    for place in places:
        for after in (1, 2):
            assert in0[place + after] == in0[place]
            assert (in0[place], in1[place + after]) not in known
