import numpy as np
import pytest

from serving.client.id_rows import IdRows


@pytest.mark.parametrize(
    "rows",
    [
        [[3, 1, 2], [5]],
        [np.array([3, 1, 2], np.int32), np.array([5])],
        np.array([[3, 1, 2], [5, 0, 0]]),
    ],
    ids=["lists", "arrays", "padded"],
)
def test_rows_become_padded_int64(rows):
    batch = next(IdRows({"in0": rows}).batches(10))
    ids = batch.inputs["in0"][np.argsort(batch.rows)]
    np.testing.assert_array_equal(ids, [[3, 1, 2], [5, 0, 0]])
    assert ids.dtype == np.int64


def test_a_flat_array_is_a_token_a_row():
    batch = next(IdRows({"in1": np.array([7, 8])}).batches(10))
    np.testing.assert_array_equal(batch.inputs["in1"], [[7], [8]])


def test_an_empty_row_is_one_step_of_padding():
    batch = next(IdRows({"in0": [[]]}).batches(10))
    np.testing.assert_array_equal(batch.inputs["in0"], [[0]])


def test_batches_hold_rows_of_like_lengths_and_both_sides():
    rows = IdRows(
        {
            "in0": [[1] * n for n in (9, 1, 8, 2)],
            "in1": [[n] for n in (9, 1, 8, 2)],
        }
    )
    batches = list(rows.batches(2))
    assert [b.inputs["in0"].shape for b in batches] == [(2, 2), (2, 9)]
    for batch in batches:
        lengths = (batch.inputs["in0"] > 0).sum(axis=1)
        np.testing.assert_array_equal(batch.inputs["in1"][:, 0], lengths)
    assert sorted(np.concatenate([b.rows for b in batches])) == [0, 1, 2, 3]


@pytest.mark.parametrize("rows", [[1, 2], [[1.5]], [["a"]], [[[1]]], [[True]]])
def test_rejects_what_is_no_sequence_of_ids(rows):
    with pytest.raises(ValueError, match=r"`in0` must be .* in0\[0\]="):
        IdRows({"in0": rows})


def test_rejects_sides_of_different_numbers_of_rows():
    with pytest.raises(ValueError, match="Received: 1 and 2 rows"):
        IdRows({"in0": [[1]], "in1": [[1], [2]]})
