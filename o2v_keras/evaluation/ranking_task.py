"""Queries, candidates and targets of a ranking."""

import dataclasses

import numpy as np

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences


@dataclasses.dataclass(frozen=True, eq=False)
class Links:
    """Pairs of the numbers of a query and a candidate, sorted by query.

    Args:
        queries: int64 `(links,)`, sorted.
        candidates: int64 `(links,)`.
        starts: int64 `(queries + 1,)`. Offset of each query's first link, and
            the number of links.
    """

    queries: np.ndarray
    candidates: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(
        cls, queries: np.ndarray, candidates: np.ndarray, num_queries: int
    ) -> "Links":
        """Makes links of unsorted pairs; repeated pairs become one."""
        order = np.lexsort((candidates, queries))
        queries, candidates = queries[order], candidates[order]
        new = np.ones(len(queries), bool)
        new[1:] = (np.diff(queries) != 0) | (np.diff(candidates) != 0)
        queries, candidates = queries[new], candidates[new]
        starts = np.searchsorted(queries, np.arange(num_queries + 1))
        return cls(queries, candidates, starts)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def counts(self) -> np.ndarray:
        """Number of links of each query, int64 `(queries,)`."""
        return np.diff(self.starts)

    def of_queries(self, queries: slice) -> slice:
        """Returns the range of links of a range of queries."""
        return slice(self.starts[queries.start], self.starts[queries.stop])

    def mask(
        self, block: np.ndarray, queries: slice, candidates: slice
    ) -> None:
        """Sets the linked scores of a block to -inf.

        Args:
            block: Scores `(queries, candidates)`, changed in place.
            queries: The range of its rows.
            candidates: The range of its columns.
        """
        part = self.of_queries(queries)
        rows = self.queries[part] - queries.start
        columns = self.candidates[part] - candidates.start
        inside = (0 <= columns) & (columns < block.shape[1])
        block[rows[inside], columns[inside]] = -np.inf


class RankingTask:
    """The distinct queries and candidates of a ranking, and their links.

    Queries are sorted by falling number of targets, candidates by hash, which
    is a pseudo-random order.

    Args:
        pairs: `PairTable`; each row is a query and one of its targets.
        query: The side of the queries, `"in0"` or `"in1"`.
        corpus: `PairTable` of candidates on the other side. `None`: the
            distinct objects of that side in `pairs` and `training`.
        training: `PairTable` of known pairs, or `None`.
        keep_seen: bool. Whether a query's partners in `training` stay
            candidates.
        exclude_own: bool. Whether single ids of a query (the items of a bag)
            are excluded from its candidates. Defaults to `False`.
        given: `PairTable` whose rows hold all candidates of their query.
            Defaults to `None`: all queries have all candidates.

    Attributes:
        queries: `Sequences` of the distinct queries.
        candidates: `Sequences` of the distinct candidates.
        query_rows: int64 `(queries,)`. A row of `pairs` for each query.
        candidate_rows: int64 `(candidates,)`. A row of `corpus` for each
            candidate, or of `pairs` and `training` concatenated.
        targets: `Links` of queries to their targets.
        excluded: `Links` of queries to excluded candidates.
        own: int. Number of excluded candidates that are ids of their query.
        given: `Links` of queries to their only candidates, or `None`.
        popularity: int64 `(candidates,)`. Number of rows of `training` that
            hold each candidate.

    Raises:
        DataError: If `corpus` lacks a target.

    Example:
    >>> pairs = PairTable.from_arrays([[1], [1], [2]], [[7], [8], [7]])
    >>> task = RankingTask(pairs, "in0", None, None, keep_seen=False)
    >>> len(task.queries), len(task.candidates), task.targets.counts
    (2, 2, array([2, 1]))
    """

    def __init__(
        self,
        pairs: PairTable,
        query: str,
        corpus: PairTable | None,
        training: PairTable | None,
        keep_seen: bool,
        exclude_own: bool = False,
        given: PairTable | None = None,
    ):
        target = {"in0": "in1", "in1": "in0"}[query]
        self._queries = _Objects(pairs.sides[query])
        if corpus is None:
            known = [pairs, training] if training else [pairs]
            rows = Sequences.concat([table.sides[target] for table in known])
        else:
            rows = corpus.sides[target]
        self._candidates = _Objects(rows)
        found = self._candidates.numbers(pairs.sides[target])
        _require_all(pairs, found)
        links = self._queries.numbers(pairs.sides[query]), found
        counts = Links.of(*links, len(self._queries)).counts
        # Stable, so that equal tasks have equal orders.
        self._order = np.argsort(-counts, kind="stable")
        self._places = np.argsort(self._order)
        self.targets = self._links(*links)
        self.query_rows = self._queries.rows[self._order]
        self.candidate_rows = self._candidates.rows
        self.queries = pairs.sides[query].take(self.query_rows)
        self.candidates = rows.take(self.candidate_rows)
        self.popularity = np.zeros(len(self.candidates), np.int64)
        excluded = [np.zeros((2, 0), np.int64)]
        if training:
            seen = self._candidates.numbers(training.sides[target])
            in_corpus = seen >= 0
            self.popularity += np.bincount(
                seen[in_corpus], minlength=len(self.candidates)
            )
            if not keep_seen:
                queries = self._queries.numbers(training.sides[query])
                known = in_corpus & (queries >= 0)
                places = self._places[queries[known]]
                excluded.append(np.stack([places, seen[known]]))
        self.excluded = self._without_targets(excluded)
        seen_links = len(self.excluded)
        if exclude_own:
            excluded.append(self._own_ids())
            self.excluded = self._without_targets(excluded)
        self.own = len(self.excluded) - seen_links
        self.given = None
        if given is not None:
            self.given = self._given(
                self._queries.numbers(given.sides[query]),
                self._candidates.numbers(given.sides[target]),
            )

    @property
    def candidate_counts(self) -> np.ndarray:
        """Candidates of each query, targets included, int64 `(queries,)`."""
        if self.given is not None:
            return self.given.counts
        return len(self.candidates) - self.excluded.counts

    def _links(self, queries, candidates):
        return Links.of(self._places[queries], candidates, len(self._queries))

    def _own_ids(self):
        """Returns pairs of a query and a candidate that is one of its ids."""
        ids = self.queries.values
        found = self._candidates.numbers(
            Sequences.from_lengths(ids, np.ones(len(ids), np.int64))
        )
        places = np.flatnonzero(found >= 0)
        return np.stack([self.queries.rows_of(places), found[places]])

    def _without_targets(self, parts):
        """Returns links of pairs that are no targets: leaked ones stay."""
        return self._without(np.concatenate(parts, axis=1), self.targets)

    def _given(self, queries, candidates):
        known = (queries >= 0) & (candidates >= 0)
        places = self._places[queries[known]]
        pairs = np.stack([places, candidates[known]])
        return self._without(pairs, self.excluded)

    def _without(self, pairs, links):
        width = len(self.candidates)
        unwanted = links.queries * width + links.candidates
        free = ~np.isin(pairs[0] * width + pairs[1], unwanted)
        queries, candidates = pairs[:, free]
        return Links.of(queries, candidates, len(self._queries))


class _Objects:
    """The distinct rows of sequences, numbered in the order of hashes."""

    def __init__(self, sequences):
        hashes = sequence_hashes(sequences)
        self._hashes, self.rows = np.unique(hashes, return_index=True)

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, sequences):
        """Returns the object number of each row, -1 for unknown objects."""
        hashes = sequence_hashes(sequences)
        places = np.searchsorted(self._hashes, hashes)
        places = np.minimum(places, len(self) - 1)
        return np.where(self._hashes[places] == hashes, places, -1)


def _require_all(pairs, found):
    missing = np.flatnonzero(found < 0)
    if len(missing):
        raise DataError(
            f"`corpus` must hold every target of `pairs`, but lacks those of "
            f"{len(missing):,} of {len(pairs):,} rows, the first of them "
            f"{pairs.locate(missing[0])}. Add them to the corpus, or leave "
            "these rows out."
        )
