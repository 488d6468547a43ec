"""Exact nearest neighbour search."""

import pathlib

import numpy as np
import tensorflow as tf

# 256 x 8,192 scores fit a processor's cache. For 100,000 x 128 vectors and
# 1,000 queries blocks of 65,536 took 1.3 to 2 times as long.
_QUERIES = 256
_VECTORS = 8192


class ExactSearch:
    """Compares every query with every vector, in blocks.

    Memory: a block of 256 x 8,192 scores.

    Args:
        vectors: float32 `(rows, dim)`; may be mapped from a file.
        metric: `"cosine"` (vectors and queries have length 1), `"dot"` or
            `"euclidean"`.

    Example:
    >>> vectors = np.array([[0, 1], [1, 0], [2, 0]], np.float32)
    >>> queries = np.array([[1, 0]], np.float32)
    >>> ExactSearch(vectors, "dot").search(queries, 2)
    array([[2, 1]])
    >>> ExactSearch(vectors, "euclidean").search(queries, 2)
    array([[1, 2]])
    """

    name = "exact"
    files = ()

    def __init__(self, vectors: np.ndarray, metric: str):
        self._vectors = vectors
        self._half_squares = None
        if metric == "euclidean":
            # Falling q.x - x.x / 2 is rising distance.
            self._half_squares = np.einsum("ij,ij->i", vectors, vectors) / 2

    def search(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Returns the rows of the nearest vectors, nearest first.

        Args:
            queries: float32 `(queries, dim)`.
            count: int. Vectors for each query, at most `rows`.

        Returns:
            int64 `(queries, count)`. Ties are in the order of the rows.
        """
        blocks = [
            self._search_block(queries[start : start + _QUERIES], count)
            for start in range(0, len(queries), _QUERIES)
        ]
        return np.concatenate([np.empty((0, count), np.int64), *blocks])

    def _search_block(self, queries, count):
        queries = tf.constant(queries)
        best = rows = None
        for start in range(0, len(self._vectors), _VECTORS):
            block = tf.constant(self._vectors[start : start + _VECTORS])
            scores = tf.matmul(queries, block, transpose_b=True)
            if self._half_squares is not None:
                scores -= self._half_squares[start : start + _VECTORS]
            # `top_k` keeps the order of ties, so lower rows stay first.
            values, places = tf.math.top_k(scores, min(count, len(block)))
            places = tf.cast(places, tf.int64) + start
            if best is not None:
                values = tf.concat([best, values], axis=1)
                places = tf.concat([rows, places], axis=1)
                values, kept = tf.math.top_k(
                    values, min(count, values.shape[1])
                )
                places = tf.gather(places, kept, batch_dims=1)
            best, rows = values, places
        return rows.numpy()

    def save(self, folder: pathlib.Path) -> None:
        """Writes nothing: the search needs only the vectors."""

    @classmethod
    def load(
        cls, folder: pathlib.Path, vectors: np.ndarray, metric: str
    ) -> "ExactSearch":
        """Returns the search over vectors."""
        return cls(vectors, metric)
