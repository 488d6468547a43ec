import numpy as np
import pytest

from o2v_keras.data.pair_table import PairTable


@pytest.fixture
def table():
    return PairTable.from_arrays([[1, 2], [3], []], [4, 5, 6], [1, 0, 2.5])


def columns(table):
    sides = {n: [r.tolist() for r in s] for n, s in table.sides.items()}
    labels = None if table.labels is None else table.labels.tolist()
    return {**sides, "label": labels}


def test_columns(table):
    assert len(table) == 3
    assert table.labels.dtype == np.float64
    assert columns(table) == {
        "in0": [[1, 2], [3], []],
        "in1": [[4], [5], [6]],
        "label": [1.0, 0.0, 2.5],
    }


def test_take_moves_all_columns_and_places(table):
    taken = table.take(np.array([2, 0]))
    assert columns(taken) == {
        "in0": [[], [1, 2]],
        "in1": [[6], [4]],
        "label": [2.5, 1.0],
    }
    assert [taken.locate(0), taken.locate(1)] == ["row 2", "row 0"]


def test_take_no_rows_keeps_the_sides(table):
    nothing = table.take(np.zeros(3, bool))
    assert columns(nothing) == {"in0": [], "in1": [], "label": []}


def test_one_side_without_labels():
    table = PairTable.from_arrays(in1=[[7], [8, 9]])
    assert table.in0 is None
    assert columns(table.take(np.array([1]))) == {
        "in1": [[8, 9]],
        "label": None,
    }
    assert len(PairTable.concat([table, table])) == 4


def test_concat(table):
    joined = PairTable.concat([table, table.take(np.array([1]))])
    assert columns(joined) == {
        "in0": [[1, 2], [3], [], [3]],
        "in1": [[4], [5], [6], [5]],
        "label": [1.0, 0.0, 2.5, 0.0],
    }
    assert joined.locate(3) == "row 1"


def test_concat_rejects_tables_of_other_columns(table):
    unlabelled = PairTable.from_arrays([[1]], [[2]])
    with pytest.raises(ValueError, match="must all have labels, or none"):
        PairTable.concat([table, unlabelled])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "`in0` or `in1` must be given"),
        (
            {"in0": [[1], [2]], "in1": [[3]], "labels": [1, 0]},
            r"as many rows .* len\(in0\)=2, len\(in1\)=1, len\(labels\)=2",
        ),
        ({"in0": [1, 2], "labels": [1]}, r"len\(labels\)=1"),
        ({"in0": [1], "labels": [[1]]}, r"`labels` must .* shape \(1, 1\)"),
        ({"in0": [1], "labels": [True]}, "`labels` must .* dtype bool"),
        ({"in0": [1], "labels": ["a"]}, "`labels` must .* dtype <U1"),
        ({"in0": [1], "in1": [[0.5]]}, r"`in1` must be rows .* in1\[0\]="),
    ],
    ids=["no_side", "sides", "labels", "rank", "bool", "string", "float_ids"],
)
def test_rejects_columns_that_do_not_fit(arrays, message):
    with pytest.raises(ValueError, match=message):
        PairTable.from_arrays(**arrays)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(([[1], [2, 3], []], [4, 5, 6], [1, 0, 2.5]), id="offsets"),
        pytest.param(([[1, 2], [9], []], [4, 5, 6], [1, 0, 2.5]), id="ids"),
        pytest.param(([[1, 2], [3], []], [4, 5, 6], [1, 0, 2]), id="labels"),
        pytest.param(([[1, 2], [3], []], [4, 5, 6]), id="no_labels"),
        pytest.param(([4, 5, 6], [[1, 2], [3], []], [1, 0, 2.5]), id="swapped"),
    ],
)
def test_fingerprint_tells_tables_apart(table, other):
    assert table.fingerprint() != PairTable.from_arrays(*other).fingerprint()


def test_fingerprint_tells_the_sides_apart():
    in0, in1 = PairTable.from_arrays([4, 5]), PairTable.from_arrays(in1=[4, 5])
    assert in0.fingerprint() != in1.fingerprint()


def test_fingerprint_is_of_the_content(table):
    again = table.take(np.arange(3))
    assert again.fingerprint() == table.fingerprint()
    assert len(table.fingerprint()) == 16
