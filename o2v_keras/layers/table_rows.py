"""Reads and writes large variables in parts.

Once its rows have been scattered to, TensorFlow copies a variable whenever it
is read as a whole, and a scatter while such a read is alive copies it again.
Access in parts avoids both copies.
"""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

_PART_BYTES = 16 * 2**20


def row_parts(variable) -> Iterator[slice]:
    """Yields consecutive ranges of rows, each of about 16 MiB.

    Args:
        variable: A variable or array with at least one dimension.

    Example:
    >>> list(row_parts(np.zeros((3, 2))))
    [slice(0, 3, None)]
    """
    rows = variable.shape[0]
    row_bytes = max(1, int(np.prod(variable.shape[1:]))) * 4
    step = max(1, _PART_BYTES // row_bytes)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def local_copies(variable) -> tuple[tf.Variable, ...]:
    """Returns this machine's TensorFlow variables of a Keras variable."""
    value = variable.value
    if isinstance(value, tf.distribute.DistributedValues):
        strategy = value.distribute_strategy
        return tuple(strategy.experimental_local_results(value))
    return (value,)


def copy_on(device: str, variable: keras.Variable) -> tf.Variable:
    """Returns the copy of a variable on a device."""
    copies = local_copies(variable)
    return next(copy for copy in copies if copy.device == device)


def is_large(variable) -> bool:
    """Whether a variable is read and written in parts."""
    values = int(np.prod(variable.shape))
    return len(variable.shape) > 0 and 4 * values > _PART_BYTES


def read_parts(variable: keras.Variable) -> Iterator[np.ndarray]:
    """Yields the values of a variable, a large one by `row_parts`."""
    if not is_large(variable):
        yield keras.ops.convert_to_numpy(variable)
        return
    copy = local_copies(variable)[0]
    for rows in row_parts(variable):
        yield tf.gather(copy, tf.range(rows.start, rows.stop)).numpy()


def read_variable(variable: keras.Variable) -> np.ndarray:
    """Returns the value of a variable without further large buffers.

    Example:
    >>> read_variable(keras.Variable([[1.0], [2.0]]))
    array([[1.],
           [2.]], dtype=float32)
    """
    if not is_large(variable):
        return keras.ops.convert_to_numpy(variable)
    array = np.empty(variable.shape, variable.dtype)
    parts = zip(row_parts(array), read_parts(variable), strict=True)
    for rows, values in parts:
        array[rows] = values
    return array


def write_rows(variable: keras.Variable, rows: slice, values):
    """Replaces a range of rows in every copy of a variable."""
    for copy in local_copies(variable):
        with tf.device(copy.device):
            indices = tf.range(rows.start, rows.stop)
            copy.scatter_update(tf.IndexedSlices(values, indices))
