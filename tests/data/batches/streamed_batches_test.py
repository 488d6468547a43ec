import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.pairs import read_pairs

ROWS, FILES = 90, 5
BUCKETS = {"bucket_width": 2}
NEGATIVES = {"negative_sampling_rate": 2}


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 6,
        "enc0_vocab_size": ROWS + 1,
        "mini_batch_size": 8,
    }
    return Object2VecConfig(**{**fields, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows of 1 to 6 ids; the last id of `in0` tells rows apart."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for number in range(FILES):
        with open(folder / f"{number}.jsonl", "w") as file:
            for row in range(number, ROWS, FILES):
                in0 = [row + 1, *rng.integers(1, 91, rng.integers(0, 6))]
                in1 = [row + 1, *rng.integers(1, 91, rng.integers(0, 6))]
                record = {"in0": in0, "in1": in1, "label": 1}
                file.write(json.dumps(record, default=int) + "\n")
    return folder


def make_batches(folder, rows=30, replicas=1, share=(0, 1), **changes):
    config = make_config(**changes)
    stream = PairStream(folder, config, rows)
    return PairBatches(stream, config, True, replicas, share)


def play(dataset):
    return [tf.nest.map_structure(np.asarray, batch) for batch in dataset]


def assert_same_batches(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def pairs_of(played):
    return [
        pair
        for inputs, labels, *_ in played
        for pair in zip(
            inputs["in0"][:, 0].tolist(),
            inputs["in1"][:, 0].tolist(),
            labels.tolist(),
            strict=True,
        )
    ]


ALL = {**BUCKETS, **NEGATIVES}


@pytest.mark.parametrize("changes", [{}, BUCKETS], ids=["plain", "buckets"])
def test_an_epoch_holds_the_rows_of_memory(folder, changes):
    batches = make_batches(folder, **changes)
    table = read_pairs(folder).table
    in_memory = PairBatches(table, make_config(**changes), training=True)
    played = play(batches.dataset())
    expected = pairs_of(play(in_memory.dataset()))
    assert sorted(pairs_of(played)) == sorted(expected)
    assert len(played) == batches.num_batches == 3 * 4
    assert int(batches.dataset().cardinality()) == 12
    assert batches.num_rows == ROWS
    assert all(labels.dtype == np.int64 for _, labels in played)


def test_a_block_of_all_rows_plays_as_memory_does(folder):
    for changes in ({}, NEGATIVES):
        table = read_pairs(folder).table
        config = make_config(**changes)
        in_memory = PairBatches(table, config, training=True)
        batches = make_batches(folder, rows=ROWS, **changes)
        for epoch in (0, 2):
            batches.epoch = in_memory.epoch = epoch
            assert_same_batches(
                play(batches.dataset()), play(in_memory.dataset())
            )


@pytest.mark.parametrize("rows", [30, ROWS], ids=["blocks", "one_block"])
def test_order_follows_from_the_epoch(folder, rows):
    batches = make_batches(folder, rows, **ALL)
    first = play(batches.dataset())
    assert_same_batches(play(batches.dataset()), first)
    batches.epoch = 1
    assert pairs_of(play(batches.dataset())) != pairs_of(first)
    batches.epoch = 0
    assert_same_batches(play(batches.dataset(advance=True)), first)
    assert batches.epoch == 1


def test_blocks_are_shuffled_differently(tmp_path):
    lines = [
        json.dumps({"in0": [n + 1], "in1": [1], "label": 1}) for n in range(60)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    batches = make_batches(tmp_path / "a.jsonl", rows=30)
    rows = np.array([a - 1 for a, _, _ in pairs_of(play(batches.dataset()))])
    first, second = rows[:30], rows[30:] - 30
    assert sorted(first) == sorted(second) == list(range(30))
    assert (first != second).any()
    assert (first != np.arange(30)).any()


def test_buckets_hold_rows_of_like_length(folder):
    def padding(**changes):
        batches = make_batches(folder, rows=ROWS, **changes)
        return sum(
            (ids == 0).sum()
            for inputs, _ in play(batches.dataset())
            for ids in inputs.values()
        )

    assert padding(**BUCKETS) < 0.7 * padding()


@pytest.mark.parametrize("changes", [NEGATIVES, ALL], ids=["plain", "buckets"])
def test_negatives_are_drawn_from_the_block(folder, changes):
    batches = make_batches(folder, **changes)
    for epoch in range(3):
        batches.epoch = epoch
        played = play(batches.dataset())
        assert len(played) == batches.num_batches == 3 * 12
        assert max(len(labels) for _, labels in played) == 8
        pairs = pairs_of(played)
        assert len(pairs) == batches.num_rows == 3 * ROWS
        positives = [(a, b) for a, b, label in pairs if label]
        assert sorted(positives) == [(n, n) for n in range(1, ROWS + 1)]
        assert all(a != b for a, b, label in pairs if not label)
        per_block = [pairs[start : start + 90] for start in (0, 90, 180)]
        for block in per_block:
            assert len({a for a, _, _ in block}) == 30
            assert {b for _, b, _ in block} <= {a for a, _, _ in block}


def test_missing_negatives_change_no_number_of_batches(tmp_path):
    lines = [
        {"in0": [n // 4], "in1": [n % 4 + 1], "label": 1} for n in range(39)
    ]
    text = "\n".join(json.dumps(line) for line in lines[4:])
    (tmp_path / "a.jsonl").write_text(text)
    batches = make_batches(
        tmp_path / "a.jsonl", rows=12, mini_batch_size=3, **NEGATIVES
    )
    left_out = batches.left_out_negatives(0)
    assert left_out > 50
    for epoch in range(3):
        batches.epoch = epoch
        assert len(play(batches.dataset())) == batches.num_batches == 35
    assert make_batches(tmp_path / "a.jsonl").left_out_negatives(0) == 0


def test_too_few_negatives_are_an_error(tmp_path):
    line = json.dumps({"in0": [1], "in1": [2], "label": 1})
    (tmp_path / "a.jsonl").write_text(line)
    batches = make_batches(
        tmp_path / "a.jsonl", rows=2, mini_batch_size=1, **NEGATIVES
    )
    with pytest.raises(tf.errors.OpError, match="3 batches cannot be made of"):
        play(batches.dataset())
    assert isinstance(batches.failure, DataError)


def test_skipping_gives_the_rest_of_the_epoch(folder):
    batches = make_batches(folder, **ALL)
    whole = play(batches.dataset())
    for skipped in (5, 12, 29):
        rest = play(batches.dataset().skip(skipped))
        assert_same_batches(rest, whole[skipped:])


def test_replicas_fill_batches_with_weightless_rows(folder):
    whole = play(make_batches(folder, replicas=4).dataset())
    for _, labels, weights in whole:
        assert len(labels) % 4 == 0
        assert weights.dtype == np.float32
    assert sum(weights.sum() for *_, weights in whole) == ROWS
    shares = [
        play(make_batches(folder, replicas=4, share=(n, 2)).dataset())
        for n in range(2)
    ]
    for batch, first, second in zip(whole, *shares, strict=True):
        for index, share in enumerate((first, second)):
            np.testing.assert_array_equal(share[1], batch[1][index::2])
            np.testing.assert_array_equal(share[2], batch[2][index::2])
            ids = share[0]["in0"]
            expected = batch[0]["in0"][index::2, : ids.shape[1]]
            np.testing.assert_array_equal(ids, expected)


def test_two_passes_at_a_time_do_not_meet(folder):
    batches = make_batches(folder)
    expected = play(batches.dataset())
    dataset = batches.dataset()
    first, second = iter(dataset), iter(dataset)
    for batch in expected:
        for passing in (first, second):
            inputs, _ = next(passing)
            np.testing.assert_array_equal(inputs["in0"], batch[0]["in0"])


def test_a_lost_file_is_named(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    batches = make_batches(tmp_path)
    pathlib.Path(tmp_path / "3.jsonl").unlink()
    with pytest.raises(tf.errors.OpError):
        play(batches.dataset())
    assert "3.jsonl: cannot be read" in str(batches.failure)
