"""Counts the candidates that stand before each target, block by block."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from o2v_keras.evaluation.ranking_task import RankingTask
from o2v_keras.progress import Progress

# Scores of a block at most, but for a query's own row: 16 MB of float32.
_BLOCK_SCORES = 1 << 22
_BLOCK_CANDIDATES = 1 << 16
# Pairs whose two vectors are held at once.
_PAIRS = 1 << 13


class PairScores(Protocol):
    """Scores any query with any candidate; higher is better."""

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns floats `(queries, candidates)`, which may be written to."""

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns each pair's score, and the least that counts as no lower.

        Between the two is a tolerance: equal objects' scores may differ by
        rounding.
        """


def count_above(task: RankingTask, scores: PairScores) -> np.ndarray:
    """Counts for each target the candidates that are not ranked below it.

    Candidates with the target's own score count: a model that scores all
    alike puts every target last. Targets of the same query and what the task
    excludes do not count.

    Args:
        task: `RankingTask`.
        scores: `PairScores`. Never more of them are asked for at once than
            a block's, 4 million or one query's with 65,536 candidates.

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
                    _leave_out(block, links, queries, candidates)
                above[pairs] += _count(block, thresholds, task, queries)
                progress.add(block.size)
    return above


def _slices(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _count_given(task, scores):
    """As `count_above`, scoring only the pairs that the task names."""
    given, targets = task.given, task.targets
    values, least = _pair_scores(given, slice(0, len(given)), scores)
    width = len(task.candidates)
    keys = given.queries * width + given.candidates
    # Both are sorted by query and candidate, and every target is given.
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


def _leave_out(block, links, queries, candidates):
    part = links.of_queries(queries)
    rows = links.queries[part] - queries.start
    columns = links.candidates[part] - candidates.start
    inside = (0 <= columns) & (columns < block.shape[1])
    block[rows[inside], columns[inside]] = -np.inf


def _count(block, thresholds, task, queries):
    counts = task.targets.counts[queries]
    starts = task.targets.starts[queries] - task.targets.starts[queries.start]
    above = np.zeros(len(thresholds), np.int64)
    # Queries with the most targets come first, so those that have a further
    # target are the block's first rows.
    for number in range(counts[0]):
        rows = np.count_nonzero(counts > number)
        pairs = starts[:rows] + number
        least = thresholds[pairs, None]
        above[pairs] = np.count_nonzero(block[:rows] >= least, axis=1)
    return above
