import subprocess
import sys

import numpy as np
import pytest

from serving.client.pair_rows import PairRows


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
    batch = next(PairRows({"in0": rows}).batches(10))
    ids = batch.inputs["in0"][np.argsort(batch.rows)]
    np.testing.assert_array_equal(ids, [[3, 1, 2], [5, 0, 0]])
    assert ids.dtype == np.int64


def test_a_flat_array_is_a_token_a_row():
    batch = next(PairRows({"in1": np.array([7, 8])}).batches(10))
    np.testing.assert_array_equal(batch.inputs["in1"], [[7], [8]])


def test_an_empty_row_is_one_step_of_padding():
    batch = next(PairRows({"in0": [[]]}).batches(10))
    np.testing.assert_array_equal(batch.inputs["in0"], [[0]])


def test_batches_hold_rows_of_like_lengths_and_both_sides():
    rows = PairRows(
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
        PairRows({"in0": rows})


@pytest.mark.parametrize(
    "texts",
    [
        ["a dog", "caf\u00e9"],
        [b"a dog", b"caf\xc3\xa9"],
        ("a dog", b"caf\xc3\xa9"),
        np.array(["a dog", "caf\u00e9"]),
        np.array([b"a dog", b"caf\xc3\xa9"]),
        np.array(["a dog", "caf\u00e9"], object),
    ],
    ids=["str", "bytes", "both", "numpy_str", "numpy_bytes", "numpy_objects"],
)
def test_texts_become_utf8(texts):
    batch = next(PairRows({"in0": texts}).batches(10))
    assert batch.inputs["in0"].tolist() == [b"a dog", b"caf\xc3\xa9"]
    assert {type(text) for text in batch.inputs["in0"]} == {bytes}
    np.testing.assert_array_equal(batch.rows, [0, 1])


def test_texts_are_sent_in_the_order_of_their_lengths():
    rows = PairRows({"in0": ["", "\u00e9\u00e9", "abc"], "in1": [[5]] * 3})
    first, second = rows.batches(2)
    assert first.inputs["in0"].tolist() == [b"", b"abc"]
    assert first.inputs["in1"].tolist() == [[5], [5]]
    np.testing.assert_array_equal(second.rows, [1])


def test_bytes_that_are_no_utf8_stay():
    batch = next(PairRows({"in0": [b"\xff\0"]}).batches(1))
    assert batch.inputs["in0"][0] == b"\xff\0"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a dog", r"list with a text a row; .* in0='a dog'"),
        (["a", [1]], r"texts in all rows, .* in0\[1\]=\[1\]"),
        ([[1], "a"], r"rows of 64-bit integer ids: .* in0\[1\]='a'"),
        (["a", None], r"texts in all rows, .* in0\[1\]=None"),
        (["\ud800"], r"texts that UTF-8 can hold, .* in0\[0\]='\\ud800'"),
    ],
    ids=["one_text", "ids_after_text", "text_after_ids", "none", "surrogate"],
)
def test_rejects_what_is_no_texts(value, message):
    with pytest.raises(ValueError, match=f"`in0` must be .*{message}"):
        PairRows({"in0": value})


def test_rejects_sides_of_different_numbers_of_rows():
    with pytest.raises(ValueError, match="Received: 1 and 2 rows"):
        PairRows({"in0": [[1]], "in1": [[1], [2]]})


def test_rows_and_the_rest_client_need_no_tensorflow():
    program = (
        "import sys\n"
        "import serving.client.rest_client\n"
        "from serving.client.pair_rows import PairRows\n"
        "rows = PairRows({'in0': [[1]], 'in1': ['a dog']})\n"
        "assert len(next(rows.batches(2)).rows) == 1\n"
        "print({'tensorflow', 'keras'} & sys.modules.keys())\n"
    )
    words = [sys.executable, "-c", program]
    assert subprocess.check_output(words, text=True) == "set()\n"
