import numpy as np
import pytest

from o2v_keras.data.sequences import Sequences

ROWS = [[3, 0, 4], [], [5], [6, 0, 0], [0, 0]]


@pytest.fixture
def sequences():
    return Sequences.from_any(ROWS, "in0")


def as_lists(sequences):
    return [row.tolist() for row in sequences]


def test_rows_come_back(sequences):
    assert len(sequences) == 5
    assert as_lists(sequences) == ROWS
    assert sequences[-2].tolist() == [6, 0, 0]
    assert sequences.lengths.tolist() == [3, 0, 1, 3, 2]


def test_row_outside_is_an_index_error(sequences):
    with pytest.raises(IndexError):
        sequences[5]


def test_unpadded_lengths_leave_out_zeros_at_the_end(sequences):
    assert sequences.unpadded_lengths.tolist() == [3, 0, 1, 1, 0]
    assert sequences.lengths.tolist() == [3, 0, 1, 3, 2]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([3, 0, 3], [3, 0, 3], id="repeats"),
        pytest.param([-1, 1], [4, 1], id="from_the_end"),
        pytest.param([], [], id="none"),
        pytest.param(np.arange(5) == 2, [2], id="mask"),
    ],
)
def test_take(sequences, rows, expected):
    taken = sequences.take(rows)
    assert as_lists(taken) == [ROWS[row] for row in expected]
    assert taken.values.dtype == taken.offsets.dtype == np.int64


def test_take_equals_a_loop_on_random_rows():
    rng = np.random.default_rng(3)
    lengths = rng.integers(0, 6, 200)
    values = rng.integers(0, 99, lengths.sum())
    sequences = Sequences.from_lengths(values, lengths)
    rows = rng.integers(0, 200, 500)
    expected = [sequences[row].tolist() for row in rows]
    assert as_lists(sequences.take(rows)) == expected


def test_rows_of_positions_skip_empty_rows(sequences):
    assert (
        sequences.rows_of(np.arange(9)).tolist()
        == [0] * 3 + [2] + [3] * 3 + [4] * 2
    )


def test_concat(sequences):
    assert as_lists(Sequences.concat([sequences, sequences])) == ROWS + ROWS


def test_from_any_returns_sequences_as_they_are(sequences):
    assert Sequences.from_any(sequences, "in0") is sequences


@pytest.mark.parametrize("offsets", [[0, 2], [1, 3], [0, 2, 1, 3], []], ids=str)
def test_rejects_offsets_that_do_not_fit(offsets):
    with pytest.raises(ValueError, match="`offsets` must rise from 0"):
        Sequences(np.array([7, 8, 9]), np.array(offsets, np.int64))
