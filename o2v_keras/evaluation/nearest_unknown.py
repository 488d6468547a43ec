"""Exact search for the nearest candidates that are not linked to a query."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from o2v_keras.evaluation.pair_scores import EmbeddingScores
from o2v_keras.evaluation.ranking_task import Links

_QUERIES = 256
_CANDIDATES = 8192


def nearest_unknown(
    scores: EmbeddingScores,
    known: Sequence[Links],
    num_candidates: int,
    count: int,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Searches in blocks of 256 x 8,192 scores, all that memory holds.

    Args:
        scores: The scores of queries with candidates.
        known: `Links` of queries to candidates that rank last, with -inf.
        num_candidates: int.
        count: int. Candidates of each query, at most `num_candidates`.

    Yields:
        For each block of queries their range, the numbers of their nearest
        candidates, int64 `(queries, count)`, nearest first, and the scores,
        float32 `(queries, count)`. Ties are in the order of the candidates.

    Example:
    >>> vectors = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)
    >>> scores = EmbeddingScores(vectors[:1], vectors, normalize=False)
    >>> known = Links.of(np.array([0]), np.array([0]), num_queries=1)
    >>> for _, numbers, found in nearest_unknown(scores, [known], 3, 2):
    ...     print(numbers, found)
    [[2 1]] [[2. 0.]]
    """
    num_queries = len(known[0].starts) - 1
    for start in range(0, num_queries, _QUERIES):
        queries = slice(start, min(start + _QUERIES, num_queries))
        best = np.empty((queries.stop - start, 0), np.float32)
        numbers = np.empty(best.shape, np.int64)
        for first in range(0, num_candidates, _CANDIDATES):
            candidates = slice(first, min(first + _CANDIDATES, num_candidates))
            block = scores.block(queries, candidates)
            for links in known:
                links.mask(block, queries, candidates)
            best = np.concatenate([best, block], axis=1)
            columns = np.arange(candidates.start, candidates.stop)
            columns = np.broadcast_to(columns, block.shape)
            numbers = np.concatenate([numbers, columns], axis=1)
            best, kept = tf.math.top_k(best, min(count, best.shape[1]))
            best = best.numpy()
            numbers = np.take_along_axis(numbers, kept.numpy(), axis=1)
        yield queries, numbers, best
