import itertools

import numpy as np
import pytest

from o2v_keras.data.pair_hashes import pair_hashes
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences


def hashes(rows):
    return sequence_hashes(Sequences.from_any(rows, "in0")).tolist()


def test_all_short_sequences_differ():
    rows = [
        list(row)
        for length in (1, 2, 3)
        for row in itertools.product(range(20), repeat=length)
        if row[-1]
    ]
    assert len(set(hashes(rows))) == len(rows)


def test_a_row_is_hashed_alike_wherever_it_stands():
    first = hashes([[5], [1, 2, 3], [9, 9]])
    second = hashes([[1, 2, 3], [5]])
    assert second == [first[1], first[0]]


def test_padding_does_not_count():
    assert len(set(hashes([[3, 4], [3, 4, 0], [3, 4, 0, 0]]))) == 1
    assert len(set(hashes([[3, 0, 4], [3, 4], [0, 3, 4]]))) == 3


@pytest.mark.parametrize(
    ("in0", "in1"),
    [([[2], [1]], [[1], [2]]), ([[1, 2], [1]], [[3], [2, 3]])],
    ids=["sides", "border"],
)
def test_pairs_that_look_alike_differ(in0, in1):
    first, second = pair_hashes(PairTable.from_arrays(in0, in1))
    assert first != second


def test_the_same_pair_has_one_hash_whatever_its_label():
    first = PairTable.from_arrays([[1, 2]], [[3]], [1])
    second = PairTable.from_arrays([[7], [1, 2]], [[3], [3]], [1, 0])
    assert pair_hashes(first)[0] == pair_hashes(second)[1]
    np.testing.assert_equal(pair_hashes(first).dtype, np.uint64)
