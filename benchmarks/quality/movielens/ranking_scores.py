"""How well scores of all films for all users order the held-out films."""

import numpy as np

from benchmarks.quality.movielens.splits import Ratings
from benchmarks.quality.movielens.splits import Split


def metrics(top: int) -> tuple[str, ...]:
    """Returns the names of `ranking_scores`."""
    return f"recall@{top}", f"NDCG@{top}", "top-100 accuracy, seen kept"


def watched(ratings: Ratings, shape: tuple[int, int]) -> np.ndarray:
    """Returns who rated what, float64 of 0 and 1, of the given shape."""
    matrix = np.zeros(shape)
    matrix[ratings.users, ratings.films] = 1
    return matrix


def ranking_scores(scores: np.ndarray, split: Split, top: int) -> np.ndarray:
    """Returns the three `metrics`; one function for models and baselines.

    Recall and NDCG are means over users with held-out films, and films that
    a user has in `split.train` are not ranked for him. Top-100 accuracy is
    the share of held-out pairs whose film is in its user's first 100, those
    of `split.train` included.

    Args:
        scores: Of the split's shape.
        split: Pairs the scores were learned from, and held-out pairs.
        top: Films shown to a user.
    """
    held_out = watched(split.scored, split.shape)
    users = np.flatnonzero(held_out.sum(axis=1))
    held_out = held_out[users]
    seen = watched(split.train, split.shape)[users] > 0
    scores = scores[users].astype(float)
    scores[:, 0] = -np.inf  # film 0 is padding
    top_100 = np.sum(held_out * (_ranks(scores) < 100)) / held_out.sum()
    ranks = _ranks(np.where(seen, -np.inf, scores))
    hits = held_out * (ranks < top)
    counts = held_out.sum(axis=1)
    gains = 1 / np.log2(np.arange(top) + 2)
    ideal = np.cumsum(gains)[np.minimum(counts, top).astype(int) - 1]
    found = np.sum(hits / np.log2(ranks + 2), axis=1)
    recall = np.mean(hits.sum(axis=1) / counts)
    return np.array([recall, np.mean(found / ideal), top_100])


def _ranks(scores):
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1])[None], axis=1)
    return ranks
