"""Exact nearest neighbour search."""

import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# 256 x 8,192 scores fit a processor's cache. For 100,000 x 128 vectors and
# 1,000 queries blocks of 65,536 took 1.3 to 2 times as long.
_QUERIES = 256
_VECTORS = 8192


def half_squares(vectors: np.ndarray) -> np.ndarray:
    """Returns `x.x / 2` of rows `x`: falling `q.x - x.x / 2` is distance.

    Example:
    >>> half_squares(np.array([[3.0, 4.0]]))
    array([12.5])
    """
    return np.einsum("ij,ij->i", vectors, vectors) / 2


def best_rows(
    queries: np.ndarray,
    vectors: Callable[[slice], np.ndarray],
    rows: int,
    count: int,
    less: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the rows with the highest dot products, highest first.

    Args:
        queries: float32 `(queries, dim)`.
        vectors: Called with a slice of rows; returns them, `(n, dim)`, as
            numbers of any type.
        rows: int. Number of all rows.
        count: int. Rows for each query, at most `rows`.
        less: float32 `(rows,)`, taken from the dot products. Defaults to
            `None`: zeros.

    Returns:
        int64 `(queries, count)`. Ties are in the order of the rows.

    Example:
    >>> vectors = np.array([[0, 1], [1, 0], [2, 0]], np.int8)
    >>> best_rows(np.float32([[1, 0]]), lambda rows: vectors[rows], 3, 2)
    array([[2, 1]])
    """
    blocks = [
        _best_of_block(
            queries[start : start + _QUERIES], vectors, rows, count, less
        )
        for start in range(0, len(queries), _QUERIES)
    ]
    return np.concatenate([np.empty((0, count), np.int64), *blocks])


def _best_of_block(queries, vectors, rows, count, less):
    queries = tf.constant(queries)
    best = found = None
    for start in range(0, rows, _VECTORS):
        block = slice(start, min(start + _VECTORS, rows))
        numbers = tf.cast(tf.constant(vectors(block)), tf.float32)
        scores = tf.matmul(queries, numbers, transpose_b=True)
        if less is not None:
            scores -= less[block]
        # `top_k` keeps the order of ties, so lower rows stay first.
        values, places = tf.math.top_k(scores, min(count, scores.shape[1]))
        places = tf.cast(places, tf.int64) + start
        if best is not None:
            values = tf.concat([best, values], axis=1)
            places = tf.concat([found, places], axis=1)
            values, kept = tf.math.top_k(values, min(count, values.shape[1]))
            places = tf.gather(places, kept, batch_dims=1)
        best, found = values, places
    return found.numpy()


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
            self._half_squares = half_squares(vectors)

    def search(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Returns the rows of the nearest vectors, nearest first.

        Args:
            queries: float32 `(queries, dim)`.
            count: int. Vectors for each query, at most `rows`.

        Returns:
            int64 `(queries, count)`. Ties are in the order of the rows.
        """
        return best_rows(
            queries,
            lambda rows: self._vectors[rows],
            len(self._vectors),
            count,
            self._half_squares,
        )

    def save(self, folder: pathlib.Path) -> None:
        """Writes nothing: the search needs only the vectors."""

    @classmethod
    def load(
        cls, folder: pathlib.Path, vectors: np.ndarray, metric: str
    ) -> "ExactSearch":
        """Returns the search over vectors."""
        return cls(vectors, metric)
