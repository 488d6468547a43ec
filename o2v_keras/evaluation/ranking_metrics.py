"""How well targets are ranked, as numbers."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from o2v_keras.evaluation.ranking_task import Links


def ranking_metrics(
    targets: Links, above: np.ndarray, at: Sequence[int]
) -> dict[str, float]:
    """Averages over queries, each of which has ranked its candidates.

    A target's *position* counts from 1, its query's other targets included.
    With `n` targets a query:

    * `hits@k`: share of queries with a target among the first `k`.
    * `recall@k`: targets among the first `k` over `n`, mean over queries.
    * `ndcg@k`: sum of `1 / log2(1 + position)` over the targets among the
      first `k`, over what it is for targets at 1 to `min(n, k)`; mean over
      queries.
    * `accuracy@k`: share of pairs whose target is among the first `k`.
    * `mrr`: `1 / position` of the query's first target, mean over queries.
    * `mean_rank`: mean position, over pairs.

    With one target a query, `hits@k`, `recall@k` and `accuracy@k` are equal.

    Args:
        targets: `Links` of the queries to their targets.
        above: int64 `(links,)`. Candidates that are no targets and stand
            before each target.
        at: The `k`s.

    Example:
    >>> one = np.zeros(1, np.int64)
    >>> links = Links.of(one, one, num_queries=1)
    >>> ranking_metrics(links, np.array([2]), at=[10])["ndcg@10"]
    0.5
    """
    order = np.lexsort((above, targets.queries))
    places = np.arange(len(targets)) - targets.starts[targets.queries]
    positions = above[order] + places + 1
    counts = targets.counts
    first = positions[targets.starts[:-1]]
    gains = 1 / np.log2(1 + positions)
    metrics = {}
    for k in at:
        found = positions <= k
        metrics[f"hits@{k}"] = (first <= k).mean()
        metrics[f"recall@{k}"] = (_sums(targets, found) / counts).mean()
        ideal = _ideal_gains(counts, k)
        metrics[f"ndcg@{k}"] = (_sums(targets, gains * found) / ideal).mean()
        metrics[f"accuracy@{k}"] = found.mean()
    metrics["mrr"] = (1 / first).mean()
    metrics["mean_rank"] = positions.mean()
    return {name: float(value) for name, value in metrics.items()}


def random_ranking(
    targets: Links, candidate_counts: np.ndarray, at: Sequence[int]
) -> dict[str, float]:
    """What `ranking_metrics` gives on average where the order is random.

    Args:
        targets: `Links` of the queries to their targets.
        candidate_counts: int64 `(queries,)`. Candidates of each query, its
            targets among them.
        at: The `k`s.

    Example:
    >>> one = np.zeros(1, np.int64)
    >>> links = Links.of(one, one, num_queries=1)
    >>> random_ranking(links, np.array([9]), at=[3])["mean_rank"]
    5.0
    """
    # Queries with as many candidates and targets are in the same place.
    kinds, weights = np.unique(
        np.stack([candidate_counts, targets.counts]), axis=1, return_counts=True
    )
    candidates, counts = kinds.astype(np.float64)
    weights = weights / weights.sum()
    pair_weights = weights * counts / (weights * counts).sum()
    metrics = {}
    for k in at:
        share = np.minimum(k / candidates, 1)
        places = np.minimum(k, kinds[0])
        gains = _gains_up_to(places) / candidates
        metrics[f"hits@{k}"] = weights @ _hit_chance(candidates, counts, k)
        metrics[f"recall@{k}"] = weights @ share
        metrics[f"ndcg@{k}"] = weights @ (
            gains * counts / _ideal_gains(kinds[1], k)
        )
        metrics[f"accuracy@{k}"] = pair_weights @ share
    metrics["mrr"] = weights @ [
        _reciprocal_first(*kind) for kind in zip(*kinds, strict=True)
    ]
    metrics["mean_rank"] = pair_weights @ ((candidates + 1) / 2)
    return {name: float(value) for name, value in metrics.items()}


def _sums(links, values):
    return np.add.reduceat(values.astype(np.float64), links.starts[:-1])


def _ideal_gains(counts, k):
    return _gains_up_to(np.minimum(counts, k))


def _gains_up_to(places):
    gains = 1 / np.log2(1 + np.arange(1, places.max() + 1))
    return np.cumsum(gains)[places - 1]


def _hit_chance(candidates, counts, k):
    """Chance that the first `k` of a random order hold a target."""
    others = np.maximum(candidates - counts, 0)
    missed = _log_choices(others, k) - _log_choices(candidates, k)
    return np.where(others < k, 1.0, 1 - np.exp(missed))


def _reciprocal_first(candidates, count):
    """Mean of `1 / position` of the first of some targets."""
    positions = np.arange(1, candidates - count + 2)
    rest = _log_choices(candidates - positions, count - 1)
    chances = np.exp(rest - _log_choices(candidates, count))
    return (chances / positions).sum()


def _log_choices(total, chosen):
    total = np.maximum(total, chosen)
    return (
        gammaln(total + 1.0)
        - gammaln(chosen + 1.0)
        - gammaln(total - chosen + 1.0)
    )
