"""How well scores of all films for all users order the held-out films."""

import numpy as np

from benchmarks.quality.movielens.splits import FILMS
from benchmarks.quality.movielens.splits import USERS
from benchmarks.quality.movielens.splits import Ratings

METRICS = ("recall@10", "NDCG@10", "top-100 accuracy, seen kept")


def watched(ratings: Ratings) -> np.ndarray:
    """Returns who rated what, float64 of 0 and 1, `(USERS + 1, FILMS + 1)`."""
    matrix = np.zeros((USERS + 1, FILMS + 1))
    matrix[ratings.users, ratings.films] = 1
    return matrix


def ranking_scores(
    scores: np.ndarray, train: Ratings, scored: Ratings
) -> np.ndarray:
    """Returns the three `METRICS`; one function for models and baselines.

    Recall and NDCG are means over users with held-out films, and films that
    a user has in `train` are not ranked for him. Top-100 accuracy is the
    share of held-out pairs whose film is in its user's first 100, those of
    `train` included.

    Args:
        scores: `(USERS + 1, FILMS + 1)`.
        train: Pairs the scores were learned from.
        scored: Held-out pairs.
    """
    held_out = watched(scored)
    users = np.flatnonzero(held_out.sum(axis=1))
    held_out, seen = held_out[users], watched(train)[users] > 0
    scores = scores[users].astype(float)
    scores[:, 0] = -np.inf  # film 0 is padding
    top_100 = np.sum(held_out * (_ranks(scores) < 100)) / held_out.sum()
    ranks = _ranks(np.where(seen, -np.inf, scores))
    hits = held_out * (ranks < 10)
    counts = held_out.sum(axis=1)
    gains = 1 / np.log2(np.arange(10) + 2)
    ideal = np.cumsum(gains)[np.minimum(counts, 10).astype(int) - 1]
    found = np.sum(hits / np.log2(ranks + 2), axis=1)
    recall = np.mean(hits.sum(axis=1) / counts)
    return np.array([recall, np.mean(found / ideal), top_100])


def _ranks(scores):
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1])[None], axis=1)
    return ranks
