"""Gathers ragged rows into padded batches."""

import tensorflow as tf

from o2v_keras.data.sequences import Sequences


class PaddedRows:
    """Gathers whole batches of ragged rows inside a TensorFlow graph.

    Args:
        sequences: `Sequences`. They stay in host memory; only batches go to
            a GPU.
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
        return gather_padded(
            self._values,
            self._offsets,
            rows,
            self._max_seq_len if self._cuts else None,
        )


def gather_padded(
    values: tf.Tensor,
    offsets: tf.Tensor,
    rows: tf.Tensor,
    max_seq_len: int | None,
) -> tf.Tensor:
    """Gathers ragged rows from tensors into a padded batch.

    Args:
        values: int64 `(tokens,)`. The ids of all rows.
        offsets: int64 `(rows + 1,)`. The start of each row in `values`, and
            the end of the last.
        rows: Row numbers, int64 `(batch,)`.
        max_seq_len: Longer rows are cut to their first ids. `None` if no row
            is longer.

    Returns:
        Ids int64 `(batch, longest row of the batch)`.
    """
    # tf.RaggedTensor adds a dozen ops around these two kernels, which take
    # longer than a batch of short rows.
    ragged = tf.raw_ops.RaggedGather(
        params_nested_splits=[offsets],
        params_dense_values=values,
        indices=rows,
        OUTPUT_RAGGED_RANK=1,
    )
    (offsets,) = ragged.output_nested_splits
    width = tf.constant(-1, tf.int64)  # as wide as the longest row
    if max_seq_len is not None:
        longest = tf.reduce_max(offsets[1:] - offsets[:-1])
        width = tf.minimum(longest, max_seq_len)
    return tf.raw_ops.RaggedTensorToTensor(
        shape=tf.stack([-1, width]),
        values=ragged.output_dense_values,
        default_value=tf.constant(0, tf.int64),
        row_partition_tensors=[offsets],
        row_partition_types=["ROW_SPLITS"],
    )
