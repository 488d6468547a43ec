import numpy as np

from o2v_keras import PairTable
from o2v_keras.data.check.leaks import LeakCheck
from o2v_keras.data.read.pairs import read_pairs

TEST = PairTable.from_arrays(
    [[1], [2, 3], [1], [4]], [[5], [6], [7], [8]], [1, 0, 1, 1]
)


def check(*pieces):
    found = LeakCheck(TEST, "test")
    for in0, in1 in pieces:
        found.add(PairTable.from_arrays(in0, in1, np.zeros(len(in0))))
    return found


def test_pairs_in_any_piece_are_found():
    found = check(([[9], [4]], [[5], [8]]), ([[2, 3]], [[6]]))
    assert found.rows.tolist() == [1, 3]


def test_sides_alone_are_no_leak():
    found = check(([[1], [2], [5]], [[6], [6], [1]]))
    assert found.rows.tolist() == []
    assert found.problem("error") is None


def test_repeated_pairs_count_each_time():
    twice = PairTable.concat([TEST, TEST])
    found = LeakCheck(twice, "test")
    found.add(TEST.take(np.array([2])))
    assert found.rows.tolist() == [2, 6]


def test_the_largest_and_the_smallest_hash_are_found():
    found = LeakCheck(TEST, "test")
    found.add(TEST)
    assert found.rows.tolist() == [0, 1, 2, 3]


def test_no_rows_have_no_leak():
    found = LeakCheck(TEST.take(np.array([], np.int64)), "test")
    found.add(TEST)
    assert not len(found.rows)


def test_problem_names_file_and_line(tmp_path):
    path = tmp_path / "test.jsonl"
    lines = [f'{{"in0": [{n}], "in1": [1], "label": 1}}' for n in range(1, 9)]
    path.write_text("\n".join(lines))
    table = read_pairs(path).table
    found = LeakCheck(table, "test")
    found.add(table.take(np.arange(1, 8)))
    text = str(found.problem("error"))
    assert text.startswith("error: test: the same pair is in the training data")
    assert "(7 rows)" in text
    assert f"{path}:2\n" in text
    assert "and 2 more" in text
    assert "--allow-leaks" in text
    assert "--allow-leaks" not in str(found.problem("warning"))
