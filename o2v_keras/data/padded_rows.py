"""Ragged rows that TensorFlow gathers into padded batches."""

import tensorflow as tf

from o2v_keras.data.sequences import Sequences


class PaddedRows:
    """Gathers whole batches of ragged rows inside a TensorFlow graph.

    Args:
        sequences: `Sequences`, held once on the host even where there is a
            GPU: only batches go there.
        max_seq_len: Longer rows are cut to their first ids.

    Example:
    >>> from o2v_keras.data.sequences import Sequences
    >>> rows = PaddedRows(Sequences.from_any([[1, 2, 3], [4]], "in0"), 2)
    >>> rows.gather(tf.constant([1, 0], tf.int64)).numpy()
    array([[4, 0],
           [1, 2]])
    """

    def __init__(self, sequences: Sequences, max_seq_len: int):
        with tf.device("CPU:0"):
            self._values = tf.constant(sequences.values, tf.int64)
            self._offsets = tf.constant(sequences.offsets, tf.int64)
        self._max_seq_len = max_seq_len

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns ids int64 `(batch, longest row of the batch)`.

        Args:
            rows: Row numbers, int64 `(batch,)`.
        """
        return gather_padded(
            self._values, self._offsets, rows, self._max_seq_len
        )


def gather_padded(
    values: tf.Tensor, offsets: tf.Tensor, rows: tf.Tensor, max_seq_len: int
) -> tf.Tensor:
    """Does what `PaddedRows.gather` does, with rows that are tensors.

    Args:
        values: As in `Sequences`.
        offsets: As in `Sequences`.
        rows: Row numbers, int64 `(batch,)`.
        max_seq_len: Longer rows are cut to their first ids.
    """
    starts = tf.gather(offsets, rows)
    lengths = tf.gather(offsets, rows + 1) - starts
    lengths = tf.minimum(lengths, max_seq_len)[:, tf.newaxis]
    steps = tf.range(tf.reduce_max(lengths))[tf.newaxis, :]
    real = steps < lengths  # (B, T)
    places = tf.where(real, starts[:, tf.newaxis] + steps, 0)
    return tf.where(real, tf.gather(values, places), 0)
