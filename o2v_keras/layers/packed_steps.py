"""Real steps of padded sequences, without the padding."""

import tensorflow as tf


class PackedSteps:
    """Takes the real steps out of a padded batch, and puts them back.

    Packed steps stand in the order in which a recurrent layer needs them:
    the first step of all rows, then the second of those that have one, and so
    on, longer rows before shorter ones. So step `t` is one slice of
    `sizes[t]` rows, which are also the first rows of step `t - 1`, and
    nothing is computed for padding, wherever it stands in a row.

    A row of padding alone is packed as one step of whatever it holds.

    Args:
        mask: bool tensor `(batch_size, steps)`, at least one step, `True` at
            real steps.
        reverse: Whether rows run from their last real step to their first.
            Defaults to `False`.

    Attributes:
        sizes: int32 `(longest row,)`. Rows of each step.
        lengths: int32 `(batch_size,)`. Packed steps of each row.

    Example:
    >>> packed = PackedSteps(tf.constant([[True, False], [True, True]]))
    >>> packed.sizes.numpy()
    array([2, 1], dtype=int32)
    >>> packed.pack(tf.constant([[[1.0], [9.0]], [[2.0], [3.0]]])).numpy()
    array([[2.],
           [1.],
           [3.]], dtype=float32)
    """

    def __init__(self, mask, reverse=False):
        batch_size, steps = tf.unstack(tf.shape(mask))
        empty = tf.logical_not(tf.reduce_any(mask, axis=1, keepdims=True))
        mask = mask | (empty & (tf.range(steps) == 0))
        rank = tf.cumsum(tf.cast(mask, tf.int32), axis=1)  # From 1; (B, T).
        self.lengths = rank[:, -1]
        rank = self.lengths[:, None] - rank if reverse else rank - 1
        longest = tf.maximum(tf.reduce_max(self.lengths), 1)
        self.sizes = tf.math.count_nonzero(
            self.lengths > tf.range(longest)[:, None], axis=1, dtype=tf.int32
        )
        by_length = tf.argsort(
            self.lengths, direction="DESCENDING", stable=True
        )
        row = tf.math.invert_permutation(by_length)  # Within a step; (B,).
        places = row[:, None] + tf.gather(
            tf.cumsum(self.sizes, exclusive=True),
            tf.clip_by_value(rank, 0, longest - 1),
        )
        count = tf.reduce_sum(self.lengths)
        mask = tf.reshape(mask, [-1])
        # Where each padded step is among the packed ones (padding: behind
        # them), and where each packed step is among the padded ones.
        self._places = tf.where(mask, tf.reshape(places, [-1]), count)
        real = tf.cast(tf.where(mask), tf.int32)
        self._origins = tf.scatter_nd(
            tf.gather(self._places, real), real[:, 0], [count]
        )
        self._shape = (batch_size, steps)

    def pack(self, inputs):
        """Returns `(packed steps, features)` of `(batch, steps, features)`."""

        @tf.custom_gradient
        def pack(flat):
            return tf.gather(flat, self._origins), self._spread

        # Without it, a gradient would be added up row by row.
        return pack(tf.reshape(inputs, [-1, inputs.shape[-1]]))

    def unpack(self, packed, padding=0.0):
        """Returns `(batch, steps, features)`, `padding` at padded steps."""

        @tf.custom_gradient
        def unpack(packed):
            return self._spread(packed, padding), lambda upstream: tf.gather(
                upstream, self._origins
            )

        return tf.reshape(unpack(packed), [*self._shape, packed.shape[-1]])

    def _spread(self, packed, padding=0.0):
        fill = tf.fill([1, packed.shape[-1]], tf.cast(padding, packed.dtype))
        return tf.gather(tf.concat([packed, fill], axis=0), self._places)
