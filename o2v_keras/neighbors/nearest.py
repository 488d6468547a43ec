"""The k nearest vectors of queries, from any backend."""

import numpy as np

from o2v_keras.neighbors.exact_search import ExactSearch

# Most numbers in the vectors that are rescored at once.
_BLOCK_NUMBERS = 1 << 22


class Nearest:
    """Rescores the results of a backend from the vectors.

    Scores are float64 sums; ties are in the order of the rows. If the backend
    finds too few vectors for a query, `ExactSearch` is used.

    Args:
        vectors: float32 `(rows, dim)`, of length 1 under `"cosine"`.
        metric: `"cosine"`, `"dot"` or `"euclidean"`.
        search: The backend.

    Example:
    >>> vectors = np.eye(2, dtype=np.float32)
    >>> nearest = Nearest(vectors, "dot", ExactSearch(vectors, "dot"))
    >>> nearest.query(np.float32([[2, 1]]), k=2, excluded=[[0]])[0]
    array([[ 1, -1]])
    """

    def __init__(self, vectors, metric, search):
        self._vectors = vectors
        self._metric = metric
        self._search = search

    def query(
        self,
        queries: np.ndarray,
        k: int,
        excluded: list[list[int]],
        allowed: list[list[int]] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows and scores, `(queries, k)` each, nearest first.

        Args:
            queries: float32 `(queries, dim)`.
            k: int. Neighbours of a query.
            excluded: For each query the rows to exclude.
            allowed: For each query the rows, rising, to find its neighbours
                among by exact search; one object for queries that share
                them. Defaults to `None`: all.

        Returns:
            int64 rows, -1 for missing ones; float64 scores, NaN for these.
        """
        if allowed is not None:
            return self._query_allowed(queries, k, excluded, allowed)
        parts = [
            self._query_block(self._search, queries[block], k, excluded[block])
            for block in self._blocks(len(queries), k)
        ]
        none = np.empty((0, k))
        rows = np.concatenate([none.astype(np.int64), *(p[0] for p in parts)])
        return rows, np.concatenate([none, *(p[1] for p in parts)])

    def _query_allowed(self, queries, k, excluded, allowed):
        rows = np.full((len(queries), k), -1)
        scores = np.full((len(queries), k), np.nan)
        sharing = {}
        for query, kept in enumerate(allowed):
            sharing.setdefault(id(kept), []).append(query)
        for asked in sharing.values():
            kept = np.array(allowed[asked[0]], np.int64)
            count = min(k, len(kept))
            if not count:
                continue
            vectors = self._vectors[kept]
            exact = ExactSearch(vectors, self._metric)
            gone = [
                np.flatnonzero(np.isin(kept, excluded[query])).tolist()
                for query in asked
            ]
            found, near = Nearest(vectors, self._metric, exact).query(
                queries[asked], count, gone
            )
            rows[asked, :count] = np.where(found < 0, -1, kept[found])
            scores[asked, :count] = near
        return rows, scores

    def recall(
        self, queries: np.ndarray, k: int, excluded: list[list[int]]
    ) -> float:
        """Returns the share of exact neighbours that the backend finds.

        Any vector as near as the k-th nearest counts.

        Args:
            queries: float32 `(queries, dim)`, at least one.
            k: int. Neighbours of a query, at most the vectors that none
                excludes.
            excluded: For each query the rows to exclude.
        """
        exact = ExactSearch(self._vectors, self._metric)
        found = 0
        for block in self._blocks(len(queries), k):
            asked, gone = queries[block], excluded[block]
            rows = self._found(exact, asked, k, gone)
            limit = self._closeness(asked, rows).min(axis=1, keepdims=True)
            rows = self._found(self._search, asked, k, gone)
            found += (self._closeness(asked, rows) >= limit).sum()
        return float(found / (len(queries) * k))

    def _blocks(self, queries, k):
        step = max(1, _BLOCK_NUMBERS // (k * self._vectors.shape[1]))
        return [slice(i, i + step) for i in range(0, queries, step)]

    def _found(self, search, queries, k, excluded):
        """Returns what a search finds but the excluded rows, then -1."""
        most = max(map(len, excluded))
        rows = search.search(queries, min(k + most, len(self._vectors)))
        for row, gone in zip(rows, excluded, strict=True):
            row[np.isin(row, gone)] = -1
        # Move missing rows to the end.
        order = np.argsort(rows < 0, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(rows, order, axis=1)
        missing = k - rows.shape[1]
        return np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)

    def _query_block(self, search, queries, k, excluded):
        rows = self._found(search, queries, k, excluded)
        left = [min(k, len(self._vectors) - len(gone)) for gone in excluded]
        short = np.flatnonzero((rows >= 0).sum(axis=1) < left)
        if len(short):
            exact = ExactSearch(self._vectors, self._metric)
            gone = [excluded[query] for query in short]
            rows[short] = self._query_block(exact, queries[short], k, gone)[0]
        near = self._closeness(queries, rows)
        order = np.lexsort((rows, -near), axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        near = np.take_along_axis(near, order, axis=1)
        return rows, self._scores(near, rows)

    def _closeness(self, queries, rows):
        return closeness(queries, self._vectors, rows, self._metric)

    def _scores(self, near, rows):
        scores = -near if self._metric == "euclidean" else near
        return np.where(rows < 0, np.nan, scores)


def closeness(
    queries: np.ndarray, vectors: np.ndarray, rows: np.ndarray, metric: str
) -> np.ndarray:
    """Returns how near vectors are to queries, float64 `(queries, k)`.

    Args:
        queries: float32 `(queries, dim)`.
        vectors: float32 `(rows, dim)`.
        rows: int64 `(queries, k)`. The vectors to compare with each query; -1
            for none, which is at minus infinity.
        metric: `"cosine"`, `"dot"` or `"euclidean"`.

    Example:
    >>> vectors = np.eye(2)
    >>> closeness(vectors[:1], vectors, np.array([[0, -1]]), "dot")
    array([[  1., -inf]])
    """
    near = vectors[rows].astype(np.float64)
    queries = queries.astype(np.float64)[:, None]
    if metric == "euclidean":
        found = -np.sqrt(((near - queries) ** 2).sum(axis=-1))
    else:
        found = (near * queries).sum(axis=-1)
    return np.where(rows < 0, -np.inf, found)
