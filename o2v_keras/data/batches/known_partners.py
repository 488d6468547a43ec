"""Which of a batch's objects are known partners of each other."""

import numpy as np
import tensorflow as tf


class KnownPartners:
    """Looks up known pairs of a batch inside a TensorFlow graph.

    A batch takes time in proportion to the known partners of its objects,
    and a table of its distinct objects by its candidates.

    Args:
        objects: int64 `(pairs,)`. One object of each known pair.
        partners: int64 `(pairs,)`. The other. Repeats are allowed.
        num_objects: How many objects there are, those without a partner
            among them.

    Example:
    >>> known = KnownPartners(np.array([0, 0, 1]), np.array([5, 7, 5]), 3)
    >>> known.among(tf.constant([0, 2], tf.int64), tf.constant([7, 5, 6],
    ...     tf.int64)).numpy()
    array([[ True,  True, False],
           [False, False, False]])
    """

    def __init__(
        self, objects: np.ndarray, partners: np.ndarray, num_objects: int
    ):
        order = np.lexsort((partners, objects))
        objects, partners = objects[order], partners[order]
        first = np.ones(len(objects), bool)
        first[1:] = np.diff(objects).astype(bool) | np.diff(partners).astype(
            bool
        )
        counts = np.bincount(objects[first], minlength=num_objects)
        with tf.device("CPU:0"):
            self._partners = tf.constant(partners[first], tf.int64)
            self._offsets = tf.constant(np.append(0, counts.cumsum()), tf.int64)

    def among(self, objects: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Tells which candidates are known partners of which objects.

        Args:
            objects: int64 `(rows,)`.
            candidates: int64 `(candidates,)`, at least one.

        Returns:
            bool `(rows, candidates)`.
        """
        distinct, numbers = tf.unique(objects)
        ragged = tf.raw_ops.RaggedGather(
            params_nested_splits=[self._offsets],
            params_dense_values=self._partners,
            indices=distinct,
            OUTPUT_RAGGED_RANK=1,
        )
        (offsets,) = ragged.output_nested_splits
        partners = ragged.output_dense_values
        rows = tf.repeat(
            tf.range(tf.size(distinct)), offsets[1:] - offsets[:-1]
        )
        ordered = tf.sort(candidates)
        places = tf.searchsorted(ordered, partners)
        last = tf.size(ordered) - 1
        found = tf.gather(ordered, tf.minimum(places, last)) == partners
        cells = tf.boolean_mask(tf.stack([rows, places], axis=1), found)
        known = tf.scatter_nd(
            cells,
            tf.ones(tf.shape(cells)[:1], tf.int32),
            tf.stack([tf.size(distinct), tf.size(ordered)]),
        )  # (distinct objects, candidates in order)
        known = tf.gather(
            known > 0, tf.searchsorted(ordered, candidates), axis=1
        )
        return tf.gather(known, numbers)
