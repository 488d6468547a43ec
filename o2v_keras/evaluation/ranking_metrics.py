"""Ranks of targets, and ranking metrics."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.special import gammaln

from o2v_keras.evaluation.ranking_task import Links
from o2v_keras.evaluation.ranking_task import RankingTask
from o2v_keras.progress import Progress

# Most scores of a block (at least one query's): 16 MB of float32.
_BLOCK_SCORES = 1 << 22
_BLOCK_CANDIDATES = 1 << 16
# Pairs scored at once.
_PAIRS = 1 << 13


def ranking_metrics(
    targets: Links, above: np.ndarray, at: Sequence[int]
) -> dict[str, float]:
    """Returns ranking metrics, averaged over queries or pairs.

    The position of a target counts from 1 and includes the query's other
    targets. With `n` targets of a query:

    * `hits@k`: share of queries with a target among the first `k`.
    * `recall@k`: targets among the first `k` over `n`, mean over queries.
    * `ndcg@k`: sum of `1 / log2(1 + position)` over the targets among the
      first `k`, divided by the sum for targets at 1 to `min(n, k)`; mean over
      queries.
    * `accuracy@k`: share of pairs whose target is among the first `k`.
    * `mrr`: `1 / position` of the query's first target, mean over queries.
    * `mean_rank`: mean position, over pairs.

    With one target per query `hits@k`, `recall@k` and `accuracy@k` are equal.

    Args:
        targets: `Links` of the queries to their targets.
        above: int64 `(links,)`. Number of candidates, other targets not
            counted, that rank before each target.
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
    """Returns the expected `ranking_metrics` of a random order.

    Args:
        targets: `Links` of the queries to their targets.
        candidate_counts: int64 `(queries,)`. Candidates of each query,
            targets included.
        at: The `k`s.

    Example:
    >>> one = np.zeros(1, np.int64)
    >>> links = Links.of(one, one, num_queries=1)
    >>> random_ranking(links, np.array([9]), at=[3])["mean_rank"]
    5.0
    """
    # Queries with equal numbers of candidates and targets have equal metrics.
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
    """Probability that the first `k` of a random order hold a target."""
    others = np.maximum(candidates - counts, 0)
    missed = _log_choices(others, k) - _log_choices(candidates, k)
    return np.where(others < k, 1.0, 1 - np.exp(missed))


def _reciprocal_first(candidates, count):
    """Expected `1 / position` of the first of `count` targets."""
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


class PairScores(Protocol):
    """Scores any query with any candidate; higher is better."""

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns a writable array of floats `(queries, candidates)`."""
        ...

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns each pair's score, and the least score that ties with it.

        Scores of equal objects can differ by rounding.
        """
        ...


def count_above(task: RankingTask, scores: PairScores) -> np.ndarray:
    """Counts for each target the candidates that rank before it.

    Candidates with the score of the target count, so that a model with
    constant scores ranks every target last. The query's other targets and
    excluded candidates do not count.

    Args:
        task: `RankingTask`.
        scores: `PairScores`. A block has at most 4 million scores, of at
            most 65,536 candidates.

    Returns:
        int64 `(targets,)`, in the order of `task.targets`.

    Raises:
        ValueError: If a score is not finite.
    """
    if task.given is not None:
        return _count_given(task, scores)
    above = np.zeros(len(task.targets), np.int64)
    width = min(len(task.candidates), _BLOCK_CANDIDATES)
    height = max(_BLOCK_SCORES // width, 1)
    total = len(task.queries) * len(task.candidates)
    with Progress("ranking", total, "pairs") as progress:
        for queries in _slices(len(task.queries), height):
            pairs = task.targets.of_queries(queries)
            _, thresholds = _pair_scores(task.targets, pairs, scores)
            for candidates in _slices(len(task.candidates), width):
                block = scores.block(queries, candidates)
                for links in (task.targets, task.excluded):
                    links.mask(block, queries, candidates)
                above[pairs] += _count(block, thresholds, task, queries)
                progress.add(block.size)
    return above


def _slices(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _count_given(task, scores):
    """Counts like `count_above` for queries with given candidates."""
    given, targets = task.given, task.targets
    values, least = _pair_scores(given, slice(0, len(given)), scores)
    width = len(task.candidates)
    keys = given.queries * width + given.candidates
    # Both are sorted by query and candidate, and every target is a candidate.
    wanted = np.searchsorted(keys, targets.queries * width + targets.candidates)
    values[wanted] = -np.inf
    above = np.zeros(len(targets), np.int64)
    for query in range(len(task.queries)):
        others = values[given.of_queries(slice(query, query + 1))]
        own = targets.of_queries(slice(query, query + 1))
        for target in range(own.start, own.stop):
            above[target] = np.count_nonzero(others >= least[wanted[target]])
    return above


def _pair_scores(links, part, scores):
    queries, candidates = links.queries[part], links.candidates[part]
    parts = []
    with Progress("scoring", len(queries), "pairs") as progress:
        for part in _slices(len(queries), _PAIRS):
            parts.append(scores.pairs(queries[part], candidates[part]))
            progress.add(len(parts[-1][0]))
    values, least = map(np.concatenate, zip(*parts, strict=True))
    if not np.isfinite(values).all():
        raise ValueError(
            "The model's scores must be finite numbers to be ranked by, but "
            "some are NaN or infinite. Did training diverge?"
        )
    return values, least


def _count(block, thresholds, task, queries):
    counts = task.targets.counts[queries]
    starts = task.targets.starts[queries] - task.targets.starts[queries.start]
    above = np.zeros(len(thresholds), np.int64)
    # Queries are sorted by falling number of targets, so those with more than
    # `number` targets are the first rows of the block.
    for number in range(counts[0]):
        rows = np.count_nonzero(counts > number)
        pairs = starts[:rows] + number
        least = thresholds[pairs, None]
        above[pairs] = np.count_nonzero(block[:rows] >= least, axis=1)
    return above


def aligned_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligns columns: the first to the left, the others to the right.

    Args:
        rows: The cells of each line, equally many in all.

    Example:
    >>> aligned_lines([("", "rank"), ("model", "3")])
    ['       rank', 'model     3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [
                cell.rjust(width)
                for cell, width in zip(row[1:], widths[1:], strict=True)
            ]
        )
        for row in rows
    ]


def metrics_table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a text table with a line for each metric.

    Args:
        columns: Heading -> metrics. The first column determines the lines; a
            metric missing in another column is a dash.

    Example:
    >>> print(metrics_table({"model": {"mrr": 0.5}, "random": {"mrr": 0.1}}))
          model  random
    mrr  0.5000  0.1000
    """
    first = next(iter(columns.values()))
    rows = [("", *columns)]
    rows += [
        (name, *(_cell(column.get(name)) for column in columns.values()))
        for name in first
    ]
    return "\n".join(aligned_lines(rows))


def _cell(value):
    return "-" if value is None else f"{value:.4f}"
