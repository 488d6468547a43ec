"""Numbers the distinct objects of a side."""

import numpy as np
import pyarrow as pa

from o2v_keras.data.sequences import Sequences


def global_ids(sequences: Sequences) -> np.ndarray:
    """Gives each distinct sequence a number, in the order of appearance.

    Args:
        sequences: `Sequences`.

    Returns:
        int64 `(rows,)`, from 0 to the number of distinct sequences - 1.

    Example:
    >>> rows = Sequences.from_any([[7, 1], [3], [7, 1]], "in0")
    >>> global_ids(rows)
    array([0, 1, 0])
    """
    width = sequences.values.dtype.itemsize
    offsets = np.ascontiguousarray(sequences.offsets * width)
    rows = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(sequences),
        [None, pa.py_buffer(offsets), pa.py_buffer(sequences.values)],
    )
    return rows.dictionary_encode().indices.to_numpy().astype(np.int64)
