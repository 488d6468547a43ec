"""Rankings that need no model: by popularity, and by words in common."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


class PopularityScores:
    """Ranks candidates alike for all queries, the most frequent first.

    Candidates of the same frequency keep their order, which in a
    `RankingTask` is as good as random: were ties held against a baseline,
    it would flatter the model.

    Args:
        counts: int64 `(candidates,)`.

    Example:
    >>> scores = PopularityScores(np.array([5, 0, 5]))
    >>> scores.block(slice(0, 1), slice(0, 3)).argsort()
    array([[1, 2, 0]])
    """

    def __init__(self, counts: np.ndarray):
        self._scores = counts + _tie_break(len(counts), 0.5)

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float64 `(queries, candidates)`."""
        rows = queries.stop - queries.start
        return np.tile(self._scores[candidates], (rows, 1))

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, float64, twice: none is rounded."""
        scores = self._scores[candidates]
        return scores, scores


class TfidfScores:
    """Cosines of the TF-IDF vectors of texts.

    Words, or n-grams, are weighted by their rareness among all texts of both
    sides, which serves best: no label and no training is needed. Ties keep
    the candidates' order, as in `PopularityScores`.

    Args:
        queries: A text for each query.
        candidates: A text for each candidate.
        **settings: Arguments of scikit-learn's `TfidfVectorizer`.

    Example:
    >>> scores = TfidfScores(["a red house"], ["blue sky", "the red door"])
    >>> scores.block(slice(0, 1), slice(0, 2)).argmax()
    np.int64(1)
    """

    def __init__(
        self, queries: Sequence[str], candidates: Sequence[str], **settings
    ):
        vectorizer = TfidfVectorizer(sublinear_tf=True, **settings)
        vectorizer.fit([*queries, *candidates])
        self._queries = vectorizer.transform(queries)
        self._candidates = vectorizer.transform(candidates)
        self._tie_break = _tie_break(len(candidates), 1e-9)

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float64 `(queries, candidates)`."""
        cosines = self._queries[queries] @ self._candidates[candidates].T
        return cosines.toarray() + self._tie_break[candidates]

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, float64, twice: none is rounded."""
        products = self._queries[queries].multiply(self._candidates[candidates])
        cosines = np.asarray(products.sum(axis=1)).reshape(-1)
        scores = cosines + self._tie_break[candidates]
        return scores, scores


def _tie_break(count, width):
    """What parts equal scores: falls from almost `width` to 0."""
    return width * (np.arange(count, 0, -1) - 1) / count
