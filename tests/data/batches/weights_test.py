"""Weights of records in batches."""

import json

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.pair_table import PairTable

ROWS = 21
WEIGHTS = np.arange(ROWS) / 4
NEGATIVES = {"negative_sampling_rate": 2}
BOTH = {**NEGATIVES, "negative_sampling_side": "both"}


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 1,
        "enc0_vocab_size": 2 * ROWS + 1,
        "mini_batch_size": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table(weights=WEIGHTS):
    """Record `i` is the pair of objects `i + 1` and `ROWS + i + 1`."""
    ids = np.arange(1, ROWS + 1)[:, None]
    return PairTable.from_arrays(ids, ROWS + ids, np.ones(ROWS), weights)


def make_stream(folder, weights, config):
    table = make_table()
    for part in range(3):
        with open(folder / f"{part}.jsonl", "w") as file:
            for row in range(part, ROWS, 3):
                record = {
                    side: [int(table.sides[side][row][0])]
                    for side in ("in0", "in1")
                } | {"label": 1}
                # The rows of the first file have none.
                if weights is not None and part:
                    record["weight"] = weights[row]
                file.write(json.dumps(record) + "\n")
    return PairStream(folder, config, 8)


def play(batches):
    """Returns in0, in1, label and weight of an epoch's rows, row by row."""
    rows = [
        np.column_stack([inputs["in0"], inputs["in1"], *columns])
        for inputs, *columns in batches.dataset().as_numpy_iterator()
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("training", [True, False])
def test_rows_have_theirs_and_fill_rows_0(training, replicas):
    batches = PairBatches(make_table(), make_config(), training, replicas)
    rows = play(batches)
    fill_rows = len(rows) - ROWS
    by_record = np.zeros(ROWS)
    np.add.at(by_record, rows[:, 0].astype(int) - 1, rows[:, 3])
    np.testing.assert_array_equal(by_record, WEIGHTS)
    assert np.count_nonzero(rows[:, 3] == 0) == fill_rows + 1


@pytest.mark.parametrize("side", ["in0", "in1", "both"])
@pytest.mark.parametrize("kind", ["table", "stream"])
def test_a_negative_has_that_of_its_record(tmp_path, kind, side):
    config = make_config(**NEGATIVES, negative_sampling_side=side)
    if kind == "table":
        weights = WEIGHTS
        batches = PairBatches(make_table(), config, True)
    else:
        weights = np.where(np.arange(ROWS) % 3, WEIGHTS, 1)
        stream = make_stream(tmp_path, weights, config)
        batches = PairBatches(stream, config, True)
    rows = play(batches)
    in0, in1 = rows[:, 0].astype(int) - 1, rows[:, 1].astype(int) - 1 - ROWS
    found = rows[:, 3]
    assert (found[in0 == in1] == weights[in0[in0 == in1]]).all()
    of_in0, of_in1 = found == weights[in0], found == weights[in1]
    expected = {"in0": of_in1, "in1": of_in0, "both": of_in0 | of_in1}[side]
    assert expected.all()
    negatives = in0 != in1
    assert np.count_nonzero(negatives) == 2 * ROWS
    # Each record's share, which the exchanged side's weights would not give.
    assert found[negatives].sum() == pytest.approx(2 * weights.sum())


@pytest.mark.parametrize("changes", [{}, BOTH], ids=["plain", "negatives"])
@pytest.mark.parametrize("kind", ["table", "stream"])
def test_without_any_batches_are_as_ever(tmp_path, kind, changes):
    config = make_config(**changes)
    if kind == "table":
        batches = [
            PairBatches(make_table(weights), config, True)
            for weights in (None, WEIGHTS)
        ]
    else:
        batches = []
        for number, weights in enumerate((None, WEIGHTS)):
            folder = tmp_path / str(number)
            folder.mkdir()
            stream = make_stream(folder, weights, config)
            batches.append(PairBatches(stream, config, True))
    plain, weighted = batches
    assert len(plain.dataset().element_spec) == 2
    assert len(weighted.dataset().element_spec) == 3
    np.testing.assert_array_equal(play(plain), play(weighted)[:, :3])
