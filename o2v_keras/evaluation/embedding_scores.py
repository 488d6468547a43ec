"""Scores of pairs by their embeddings."""

import numpy as np

# Relative to the length of the vectors; sums of float32 products differ by
# less when they are taken in another order, or the encoder's batch was.
_ROUNDING = 1e-6


class EmbeddingScores:
    """Dot products or cosines of queries' and candidates' embeddings.

    Scores count as equal when they differ by 10^-6 of the product of the
    vectors' lengths.

    Args:
        queries: float32 `(queries, dim)`.
        candidates: float32 `(candidates, dim)`.
        normalize: bool. Whether to divide by the vectors' lengths, for
            cosines. A vector of zeros has cosine 0 with every other.

    Raises:
        ValueError: If a number is NaN or infinite.

    Example:
    >>> vectors = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)
    >>> scores = EmbeddingScores(vectors, vectors, normalize=True)
    >>> scores.block(slice(0, 1), slice(0, 2)).round(3)
    array([[1. , 0.8]], dtype=float32)
    """

    def __init__(
        self, queries: np.ndarray, candidates: np.ndarray, normalize: bool
    ):
        for vectors in (queries, candidates):
            if not np.isfinite(vectors).all():
                raise ValueError(
                    "Embeddings must be finite numbers to be ranked by, but "
                    "some are NaN or infinite. Did training diverge?"
                )
        if normalize:
            queries, candidates = _unit(queries), _unit(candidates)
        self._queries = queries
        self._candidates = candidates

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float32 `(queries, candidates)`."""
        return self._queries[queries] @ self._candidates[candidates].T

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, and these less the tolerance, float32."""
        # Objects of neighbouring pairs only, so no more than a block.
        first, second = self._queries[queries], self._candidates[candidates]
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        scores = np.vecdot(first, second)
        return scores, scores - _ROUNDING * lengths


def _unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
