"""Which candidates are mined as hard negatives, and how many there were."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class MiningRules:
    """Which candidates become hard negatives of a query.

    The candidates of a query are ranked by similarity, from 0, without its
    known pairs. Those of `ranks` that break no other rule are left.

    Args:
        query: Side of the queries, `"in0"` or `"in1"`; the other side is
            searched. Defaults to `"in0"`.
        score: `"cosine"` or `"dot"` of the embeddings. Defaults to `None`:
            what the model compares them by, or the cosine.
        num_negatives: int, at least 1. Most negatives of a query. Defaults to
            `3`.
        ranks: The first rank that is looked at, and the one after the last.
            The nearest are often positives that nobody has noted; a first
            rank of 10 leaves them out. Defaults to `(0, 100)`.
        max_score: float. Largest similarity of a negative. Defaults to
            `None`: no limit.
        absolute_margin: float. A negative is less similar than the query's
            least similar positive by this much. Defaults to `None`.
        relative_margin: float. The same, as a share of that positive's
            similarity: `0.05` allows 95 % of it. Defaults to `None`.
        sampling: `"top"` takes the nearest, `"random"` draws. Defaults to
            `"top"`.
        seed: int, at least 0, for `"random"`. Defaults to `0`.

    Raises:
        ValueError: If a value is invalid.

    Example:
    >>> MiningRules(ranks=(10, 50), relative_margin=0.05).num_negatives
    3

    Reference:
    - [NV-Retriever, 2024](https://arxiv.org/abs/2407.15831): limits by the
      positive's similarity, with 95 % of it best.
    - The names are those of `mine_hard_negatives` in sentence-transformers.
    """

    query: str = "in0"
    score: str | None = None
    num_negatives: int = 3
    ranks: tuple[int, int] = (0, 100)
    max_score: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None
    sampling: str = "top"
    seed: int = 0

    def __post_init__(self) -> None:
        first, end = self.ranks
        rules = {
            "query": ("in0 or in1", self.query in ("in0", "in1")),
            "score": ("cosine or dot", self.score in (None, "cosine", "dot")),
            "num_negatives": ("at least 1", self.num_negatives >= 1),
            "ranks": (
                "a first rank of at least 0 and a later one to end before",
                0 <= first < end,
            ),
            "absolute_margin": ("at least 0", (self.absolute_margin or 0) >= 0),
            "relative_margin": ("at least 0", (self.relative_margin or 0) >= 0),
            "sampling": ("top or random", self.sampling in ("top", "random")),
            "seed": ("at least 0", self.seed >= 0),
        }
        for name, (rule, holds) in rules.items():
            if not holds:
                raise ValueError(
                    f"`{name}` must be {rule}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    @property
    def target(self) -> str:
        """The side that is searched."""
        return "in1" if self.query == "in0" else "in0"

    def broken(
        self, scores: np.ndarray, positives: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Says which candidates break a rule for similarities.

        Args:
            scores: `(queries, candidates)`.
            positives: `(queries,)`. Similarity of the least similar positive.

        Returns:
            Rule -> bool `(queries, candidates)`; only rules that are set.
        """
        limits: dict[str, Any] = {"max_score": self.max_score}
        if self.absolute_margin is not None:
            limits["absolute_margin"] = positives - self.absolute_margin
        if self.relative_margin is not None:
            share = self.relative_margin * np.abs(positives)
            limits["relative_margin"] = positives - share
        return {
            name: scores > np.reshape(limit, (-1, 1))
            for name, limit in limits.items()
            if limit is not None
        }


@dataclasses.dataclass(frozen=True)
class MiningReport:
    """What `mine_hard_negatives` found.

    Args:
        queries: Distinct queries, those with a positive.
        candidates: Distinct candidates.
        looked_at: Candidates of all queries at the ranks of the rules.
        rejected: Rule -> how many of them break it; one may break several.
        queries_by_negatives: Number of negatives -> queries that get as many.

    Example:
    >>> print(MiningReport(2, 9, 8, {"max_score": 3}, {0: 1, 3: 1}))
    queries: 2, candidates: 9, looked at: 8
    rejected by max_score: 3
    negatives: 3, queries with 3: 1
    queries with none: 1
    """

    queries: int
    candidates: int
    looked_at: int
    rejected: dict[str, int]
    queries_by_negatives: dict[int, int]

    @property
    def negatives(self) -> int:
        """Negatives of all queries."""
        return sum(n * times for n, times in self.queries_by_negatives.items())

    def __str__(self) -> str:
        by_negatives = sorted(self.queries_by_negatives.items(), reverse=True)
        counts = [f"with {n}: {times:,}" for n, times in by_negatives if n]
        found = ", ".join(counts)
        return "\n".join(
            [
                f"queries: {self.queries:,}, candidates: "
                f"{self.candidates:,}, looked at: {self.looked_at:,}",
                *(
                    f"rejected by {rule}: {count:,}"
                    for rule, count in self.rejected.items()
                ),
                f"negatives: {self.negatives:,}"
                + (f", queries {found}" if found else ""),
                f"queries with none: {self.queries_by_negatives.get(0, 0):,}",
            ]
        )
