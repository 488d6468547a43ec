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
        longest = sequences.lengths.max(initial=0)
        self._max_seq_len = max_seq_len
        self._cuts = longest > max_seq_len
        self._even = longest == sequences.lengths.min(initial=longest)
        values = sequences.values
        if self._even:
            values = values.reshape(len(sequences), longest)[:, :max_seq_len]
        with tf.device("CPU:0"):
            self._values = tf.constant(values, tf.int64)
            self._offsets = tf.constant(sequences.offsets, tf.int64)

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns ids int64 `(batch, longest row of the batch)`.

        Args:
            rows: Row numbers, int64 `(batch,)`.
        """
        if self._even:
            return tf.gather(self._values, rows)
        # The kernels themselves: around them tf.RaggedTensor makes a dozen
        # more, which take longer than a batch of short rows.
        ragged = tf.raw_ops.RaggedGather(
            params_nested_splits=[self._offsets],
            params_dense_values=self._values,
            indices=rows,
            OUTPUT_RAGGED_RANK=1,
        )
        (offsets,) = ragged.output_nested_splits
        return tf.raw_ops.RaggedTensorToTensor(
            shape=tf.stack([-1, self._width(offsets)]),
            values=ragged.output_dense_values,
            default_value=tf.constant(0, tf.int64),
            row_partition_tensors=[offsets],
            row_partition_types=["ROW_SPLITS"],
        )

    def _width(self, offsets):
        if not self._cuts:
            return tf.constant(-1, tf.int64)  # as wide as the longest row
        longest = tf.reduce_max(offsets[1:] - offsets[:-1])
        return tf.minimum(longest, self._max_seq_len)
