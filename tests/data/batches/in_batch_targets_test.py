import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.in_batch_targets import KnownPartners
from o2v_keras.data.batches.in_batch_targets import unpack_targets
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable

IN0 = np.array([1, 1, 2, 2, 3, 3, 4])
IN1 = np.array([5, 6, 5, 7, 7, 6, 8])
LABELS = np.array([1, 1, 1, 1, 1, 0, 0.0])
KNOWN = {(1, 5), (1, 6), (2, 5), (2, 7), (3, 7)}


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 1,
        "enc0_vocab_size": 20,
        "output_layer": "in_batch_softmax",
        "mini_batch_size": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table():
    return PairTable.from_arrays(IN0, IN1, LABELS)


def test_known_partners_of_many_objects():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 30, (2, 200))
    known = KnownPartners(*pairs, num_objects=33)
    objects, candidates = rng.integers(0, 33, 50), rng.integers(0, 40, 40)
    expected = {tuple(pair) for pair in pairs.T}
    np.testing.assert_array_equal(
        known.among(tf.constant(objects), tf.constant(candidates)),
        [[(i, j) in expected for j in candidates] for i in objects],
    )


@pytest.mark.parametrize("size", [4, 7, 70])
@pytest.mark.parametrize("side", ["in1", "in0", "both"])
def test_targets_tell_what_is_known(side, size):
    config = make_config(negative_sampling_side=side, mini_batch_size=size)
    sides = {"in1": ["in1"], "in0": ["in0"], "both": ["in1", "in0"]}[side]
    rows = 0
    for inputs, targets in PairBatches(make_table(), config, True).dataset():
        in0, in1 = (inputs[name].numpy()[:, 0] for name in ("in0", "in1"))
        batch = len(in0)
        rows += batch
        labels, places, parts = unpack_targets(targets, batch, len(sides))
        np.testing.assert_array_equal(
            labels, [(i, j) in KNOWN for i, j in zip(in0, in1, strict=True)]
        )
        np.testing.assert_array_equal(places, np.arange(batch))
        for name, (counts, excluded) in zip(sides, parts, strict=True):
            column, own = (IN1, in1) if name == "in1" else (IN0, in0)
            expected = [(column == value).sum() for value in own]
            np.testing.assert_array_equal(counts, expected)
            pairs = np.array([[(i, j) in KNOWN for j in in1] for i in in0])
            pairs = pairs if name == "in1" else pairs.T
            np.fill_diagonal(pairs, False)
            np.testing.assert_array_equal(excluded, pairs)
    assert rows == 7


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("side", ["in1", "in0", "both"])
def test_alike_objects_of_one_side_are_no_negatives(side, tied):
    config = make_config(
        negative_sampling_side=side,
        mini_batch_size=9,
        same_side_negatives=True,
        tied_token_embedding_weight=tied,
    )
    # 2 is a partner of 1; 9 has another partner than all the others.
    in0, in1 = np.append(IN0, [1, 9]), np.append(IN1, [2, 9])
    known = {*KNOWN, (4, 8), (1, 2), (9, 9)}
    table = PairTable.from_arrays(in0, in1, np.append(LABELS, [1, 1]))
    (inputs, targets), *_ = PairBatches(table, config, True).dataset()
    columns = {name: inputs[name].numpy()[:, 0] for name in inputs}
    queries = {"in1": ["in0"], "in0": ["in1"], "both": ["in0", "in1"]}[side]
    _, _, parts = unpack_targets(targets, 9, 2 * len(queries))
    for query, (counts, excluded) in zip(queries, parts[1::2], strict=True):
        own = columns[query]
        other = columns["in1" if query == "in0" else "in0"]
        pairs = known if query == "in0" else {(j, i) for i, j in known}
        either_way = pairs | {(j, i) for i, j in pairs}
        expected = [
            [
                a == b
                or (b, partner) in pairs
                or (tied and (a, b) in either_way)
                for b in own
            ]
            for a, partner in zip(own, other, strict=True)
        ]
        np.testing.assert_array_equal(excluded, expected)
        np.testing.assert_array_equal(
            counts, [(own == value).sum() for value in own]
        )


@pytest.mark.parametrize(
    # The data may not hold the unknown id.
    ("exclude", "unknown"),
    [(False, 0), (True, 0), (True, 7), (True, 29)],
)
@pytest.mark.parametrize("side", ["in1", "in0", "both"])
def test_tokens_of_a_query_are_no_negatives(side, exclude, unknown):
    config = make_config(
        enc0_max_seq_len=2,
        enc0_vocab_size=30,
        enc0_unknown_id=unknown,
        negative_sampling_side=side,
        exclude_query_tokens=exclude,
    )
    in0, in1 = [[5, 6], [7, 19], [6], [2, 7]], [[7], [5], [6, 5], [7]]
    table = PairTable.from_arrays(in0, in1, [1, 1, 1, 1])
    (inputs, targets), *_ = PairBatches(table, config, True).dataset()
    columns = {
        name: [tuple(row[row > 0]) for row in ids.numpy()]
        for name, ids in inputs.items()
    }
    known = {*zip(columns["in0"], columns["in1"], strict=True)}
    queries = {"in1": ["in0"], "in0": ["in1"], "both": ["in0", "in1"]}[side]
    _, _, parts = unpack_targets(targets, 4, len(queries))
    for query, (_, excluded) in zip(queries, parts, strict=True):
        other = "in1" if query == "in0" else "in0"
        expected = [
            [
                ((a, b) if query == "in0" else (b, a)) in known
                or (exclude and len(b) == 1 and b[0] in {*a} - {unknown})
                for b in columns[other]
            ]
            for a in columns[query]
        ]
        np.fill_diagonal(expected := np.array(expected), False)
        np.testing.assert_array_equal(excluded, expected)


def test_workers_see_the_whole_batch_in_one_order():
    config = make_config(mini_batch_size=6)
    table = make_table()
    whole = next(iter(PairBatches(table, config, True, 2).dataset()))
    in1 = whole[0]["in1"].numpy()[:, 0]
    gathered = np.concatenate([in1[0::2], in1[1::2]])
    for index in range(2):
        share = PairBatches(table, config, True, 2, (index, 2)).dataset()
        inputs, targets, _ = next(iter(share))
        own = inputs["in1"].numpy()[:, 0]
        _, places, ((_, excluded),) = unpack_targets(targets, 6, 1)
        np.testing.assert_array_equal(gathered[places], own)
        in0 = inputs["in0"].numpy()[:, 0]
        expected = np.array([[(i, j) in KNOWN for j in gathered] for i in in0])
        expected[np.arange(3), places] = False
        np.testing.assert_array_equal(excluded, expected)


def test_fill_rows_are_no_candidates():
    config = make_config(mini_batch_size=4, same_side_negatives=True)
    *_, last = PairBatches(make_table(), config, False, 4).dataset()
    _, targets, weights = last
    _, _, parts = unpack_targets(targets, 4, 2)
    np.testing.assert_array_equal(weights, [1, 1, 1, 0])
    for counts, excluded in parts:
        assert excluded.numpy()[:3, 3].all()
        # Nor are they counted.
        assert counts.numpy().max() <= 2


def test_scored_data_know_the_training_data():
    scored = PairTable.from_arrays([1, 4], [9, 5], [1, 1])
    batches = PairBatches(scored, make_config(), False, known=make_table())
    (inputs, targets), *_ = batches.dataset()
    _, _, ((counts, excluded),) = unpack_targets(targets, 2, 1)
    of = {key: n for n, key in enumerate(inputs["in0"].numpy()[:, 0])}
    # 5 is a partner of 1 in the training data; 9 is none of 4's.
    assert excluded.numpy()[of[1], of[4]]
    assert not excluded.numpy()[of[4]].any()
    assert counts.numpy()[of[4]] == 3  # twice there, once here
    assert counts.numpy()[of[1]] == 1


def test_scored_rows_are_shuffled():
    table = PairTable.from_arrays(np.arange(1, 17), np.arange(1, 17), [1] * 16)
    config = make_config(mini_batch_size=16)
    (inputs, _), *_ = PairBatches(table, config, False).dataset()
    order = inputs["in0"].numpy()[:, 0]
    assert (order != np.arange(1, 17)).any()
    (inputs, _), *_ = PairBatches(table, config, False).dataset()
    np.testing.assert_array_equal(inputs["in0"].numpy()[:, 0], order)
