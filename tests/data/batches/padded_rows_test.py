import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.sequences import Sequences

ROWS = {
    "ragged": [[1, 2, 3, 4], [5], [], [6, 7]],
    "one_token": [[1], [2], [3], [4]],
    "even": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]],
    "zeros_inside": [[0, 1], [2, 0, 3], [0], [4, 0, 0, 5]],
    "empty": [[], [], [], []],
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("max_seq_len", [1, 2, 3, 9])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_pads_to_the_longest_row_of_the_batch(rows, max_seq_len, compiled):
    values = np.array([id_ for row in rows for id_ in row], np.int64)
    lengths = np.array([len(row) for row in rows])
    padded = PaddedRows(Sequences.from_lengths(values, lengths), max_seq_len)
    gather = tf.function(padded.gather) if compiled else padded.gather
    for picked in ([0, 1, 2, 3], [1], [2, 1, 1], [3, 0]):
        kept = [rows[row][:max_seq_len] for row in picked]
        width = max(map(len, kept))
        expected = [row + [0] * (width - len(row)) for row in kept]
        found = gather(tf.constant(picked, tf.int64))
        assert found.dtype == tf.int64
        assert found.shape == (len(picked), width)
        assert found.numpy().tolist() == expected
