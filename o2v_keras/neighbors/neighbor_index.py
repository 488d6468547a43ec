"""Nearest neighbours of embeddings, kept with all that queries must match."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from o2v_keras.evaluation.inference import embed
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.neighbors.exact_search import ExactSearch
from o2v_keras.neighbors.faiss_search import FaissSearch
from o2v_keras.neighbors.model_fingerprint import model_fingerprint
from o2v_keras.neighbors.usearch_search import UsearchSearch
from o2v_keras.neighbors.vector_checks import REMEDY
from o2v_keras.neighbors.vector_checks import checked_ids
from o2v_keras.neighbors.vector_checks import checked_metric
from o2v_keras.neighbors.vector_checks import checked_vectors
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.damage import read_json
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import repair

BACKENDS = {
    search.name: search for search in (ExactSearch, FaissSearch, UsearchSearch)
}
_FORMAT = 1
_SIDECAR, _VECTORS, _IDS = "index.json", "vectors.npy", "ids.json"
# Numbers of the vectors that a block of queries compares a second time.
_BLOCK_NUMBERS = 1 << 22


class Neighbors(NamedTuple):
    """The nearest vectors of each query, nearest first.

    Args:
        ids: `(queries, k)` int64 or texts; `-1` or `""` where there is none.
        scores: float32 `(queries, k)`; NaN where there is none. Cosine or
            dot product, larger for nearer, or the Euclidean distance,
            smaller for nearer.
        rows: int64 `(queries, k)`. Numbers of the rows in the index; -1
            where there is none.
    """

    ids: np.ndarray
    scores: np.ndarray
    rows: np.ndarray


class NeighborIndex:
    """Answers which vectors are nearest to a query.

    Made by `build`, `from_model` or `load`. Whatever the backend, scores are
    computed once more from the vectors themselves in float64, equal scores
    are in the order of the rows, and a query that the backend finds too few
    vectors for is answered by comparing all.

    Attributes:
        metric: `"cosine"`, `"dot"` or `"euclidean"`.
        backend: `"exact"`, `"faiss"` or `"usearch"`.
        ids: int64 or texts `(rows,)`.
        vectors: float32 `(rows, dim)`, of length 1 under `"cosine"`.
        side: `"in0"` or `"in1"`: the side whose embeddings these are; `None`
            if they did not come from a model.
        fingerprint: `model_fingerprint` of that model, or `None`.

    Example:
    >>> index = NeighborIndex.build([[1, 0], [0, 1], [1, 1]], ["x", "y", "xy"])
    >>> nearest = index.query([[3.0, 1.0]], k=2)
    >>> nearest.ids.tolist(), nearest.scores.round(2).tolist()
    ([['x', 'xy']], [[0.949999988079071, 0.8899999856948853]])
    >>> index.query([[3.0, 1.0]], k=2, exclude=[["x", "y"]]).ids.tolist()
    [['xy', '']]
    """

    def __init__(self, vectors, ids, metric, search, side=None, model=None):
        self.vectors = vectors
        self.ids = ids
        self.metric = metric
        self.side = side
        self.fingerprint = model
        self._search = search
        self._rows = None

    @classmethod
    def build(
        cls,
        vectors: Any,
        ids: Sequence | np.ndarray | None = None,
        metric: str = "cosine",
        backend: str = "exact",
    ) -> "NeighborIndex":
        """Makes an index of vectors.

        Args:
            vectors: Numbers of shape `(rows, dim)`, scaled to length 1 under
                `"cosine"`.
            ids: Distinct integers of at least 0, or distinct texts. Defaults
                to `None`: the numbers of the rows.
            metric: `"cosine"`, `"dot"` or `"euclidean"`. Defaults to
                `"cosine"`.
            backend: `"exact"`, or `"faiss"` or `"usearch"`, which find most
                of the nearest (see `recall`) in a fraction of the time.
                Defaults to `"exact"`.

        Raises:
            ValueError: If there is no vector, one holds NaN or is zero under
                `"cosine"`, ids are not distinct, or a name is unknown.
            MissingExtraError: If the backend is not installed.
        """
        checked_metric(metric)
        if backend not in BACKENDS:
            raise ValueError(
                f"`backend` must be one of {', '.join(BACKENDS)}. "
                f"Received: backend={backend!r}"
            )
        vectors = checked_vectors(vectors, metric)
        if not len(vectors):
            raise ValueError(
                "`vectors` must hold at least one row. Received: 0 rows"
            )
        ids = checked_ids(ids, len(vectors))
        return cls(vectors, ids, metric, BACKENDS[backend](vectors, metric))

    @classmethod
    def from_model(
        cls,
        model: Object2Vec,
        side: str,
        source: Any,
        ids: Sequence | np.ndarray | None = None,
        metric: str = "cosine",
        backend: str = "exact",
        **settings,
    ) -> "NeighborIndex":
        """Embeds objects and makes an index that knows its model.

        Args:
            model: `Object2Vec`.
            side: `"in0"` or `"in1"`, the side that the objects are of.
            source: Data with that side, as `embed` takes it.
            ids: Names of the objects, in the order of the rows. Defaults to
                `None`: the numbers of the rows.
            metric: As in `build`.
            backend: As in `build`.
            **settings: Further arguments of `embed`.

        Raises:
            ValueError: As `build` and `embed`.
            MissingExtraError: If the backend is not installed.
        """
        vectors = embed(model, side, source, **settings)
        index = cls.build(vectors, ids, metric, backend)
        index.side, index.fingerprint = side, model_fingerprint(model)
        return index

    def __len__(self):
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return self.vectors.shape[1]

    @property
    def backend(self) -> str:
        """Name of what searches."""
        return self._search.name

    def query(
        self, vectors: Any, k: int = 10, exclude: Sequence | None = None
    ) -> Neighbors:
        """Returns the nearest vectors of each query.

        Args:
            vectors: Queries, numbers of shape `(queries, dim)`; under
                `"cosine"` of any length but 0.
            k: Neighbours of a query, at most as many as there are vectors.
                Defaults to 10.
            exclude: For each query the ids that are not to be answered, such
                as what a user has seen or the object itself; they need not
                be in the index. Defaults to `None`: nothing is excluded.

        Returns:
            `Neighbors`. Where a query has fewer than `k` left, its last ids
            are `-1` or `""`, their scores NaN and their rows -1.

        Raises:
            ValueError: If the queries have another width, hold NaN or are
                zero under `"cosine"`, `k` is no integer from 1 to the number
                of vectors, or an excluded id is of another type than ids.
        """
        queries = checked_vectors(vectors, self.metric, self.dim, "queries")
        self._check_k(k)
        excluded = self._excluded_rows(exclude, len(queries))
        step = max(1, _BLOCK_NUMBERS // (k * self.dim))
        parts = [
            self._query_block(
                self._search,
                queries[start : start + step],
                k,
                excluded[start : start + step],
            )
            for start in range(0, len(queries), step)
        ]
        none = np.empty((0, k))
        rows = np.concatenate([none.astype(np.int64), *(p[0] for p in parts)])
        scores = np.concatenate([none, *(p[1] for p in parts)])
        absent = "" if self.ids.dtype.kind == "U" else -1
        ids = np.where(rows < 0, absent, self.ids[rows])
        return Neighbors(ids, scores.astype(np.float32), rows)

    def query_model(
        self,
        model: Object2Vec,
        side: str,
        source: Any,
        k: int = 10,
        exclude: Sequence | None = None,
        **settings,
    ) -> Neighbors:
        """Embeds queries with the index's model and returns their neighbours.

        Args:
            model: The `Object2Vec` that the index was made from.
            side: The side that the queries are of. The index's own side asks
                for similar objects, the other one for partners.
            source: Data with that side, as `embed` takes it.
            k: As in `query`.
            exclude: As in `query`.
            **settings: Further arguments of `embed`.

        Raises:
            ValueError: If another model made the index, or as `query` and
                `embed`.
        """
        self.check_model(model)
        vectors = embed(model, side, source, **settings)
        return self.query(vectors, k, exclude)

    def similar(self, ids: Sequence, k: int = 10) -> Neighbors:
        """Returns what is nearest to objects of the index, but not themselves.

        Args:
            ids: Ids in the index.
            k: As in `query`.

        Raises:
            ValueError: If an id is not in the index, or as `query`.
        """
        rows = np.array([self.row(i) for i in ids], np.int64)
        return self.query(self.vectors[rows], k, [[i] for i in ids])

    def recall(self, queries: Any, k: int = 10) -> float:
        """Measures the backend against exact search.

        Args:
            queries: Numbers of shape `(queries, dim)`, at least one row.
            k: As in `query`.

        Returns:
            The share, from 0 to 1, of the `k` nearest vectors that the
            backend finds. What is as near as the k-th nearest counts.

        Raises:
            ValueError: As `query`, or if there is no query.
        """
        queries = checked_vectors(queries, self.metric, self.dim, "queries")
        self._check_k(k)
        if not len(queries):
            raise ValueError(
                "`queries` must hold at least one row. Received: 0 rows"
            )
        exact = ExactSearch(self.vectors, self.metric)
        step = max(1, _BLOCK_NUMBERS // (k * self.dim))
        found = 0
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            rows = exact.search(block, k)
            limit = self._closeness(block, rows).min(axis=1, keepdims=True)
            rows = self._search.search(block, k)
            found += (self._closeness(block, rows) >= limit).sum()
        return float(found / (len(queries) * k))

    def row(self, identifier: int | str) -> int:
        """Returns the row of an id.

        Raises:
            ValueError: If it is not in the index.
        """
        row = self._row_or_none(identifier)
        if row is None:
            raise ValueError(
                "`identifier` must be one of the index's ids, which begin "
                f"with {self.ids[:3].tolist()}. Received: {identifier!r}"
            )
        return row

    def check_model(self, model: Object2Vec) -> None:
        """Raises `ValueError` if another model made the index."""
        if self.fingerprint is None:
            raise ValueError(
                "This index was built of vectors and does not know their "
                "model. Query it with vectors (`query`), or make it with "
                "`NeighborIndex.from_model`."
            )
        found = model_fingerprint(model)
        if found != self.fingerprint:
            raise ValueError(
                "`model` must be the one that made the index: embeddings of "
                "two models, or of two trainings of one, cannot be compared. "
                "Load that model, or make the index anew. Received: a model "
                f"with the fingerprint {found}; the index has "
                f"{self.fingerprint}"
            )

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the index as a folder, under its name only when complete.

        Args:
            folder: A new folder, or one with an index, which is replaced.

        Raises:
            ValueError: If there is something else.
            DiskFullError: If the disk is full.
        """
        sidecar = {
            "format": _FORMAT,
            "rows": len(self),
            "dim": self.dim,
            "metric": self.metric,
            "unit_length": self.metric == "cosine",
            "backend": self.backend,
            "side": self.side,
            "model_fingerprint": self.fingerprint,
        }
        with index_folder(folder).replaced() as new:
            np.save(new / _VECTORS, self.vectors)
            (new / _IDS).write_text(json.dumps(self.ids.tolist()))
            self._search.save(new)
            (new / _SIDECAR).write_text(json.dumps(sidecar, indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "NeighborIndex":
        """Reads an index; vectors are mapped, not copied into memory.

        Args:
            folder: What `save` wrote.

        Raises:
            ValueError: If there is no index, or its files do not fit each
                other.
            MissingExtraError: If its backend is not installed.
        """
        folder = pathlib.Path(folder)
        repair(folder)
        sidecar = _read_sidecar(folder)
        with damage_named(folder / _VECTORS, REMEDY):
            vectors = np.load(folder / _VECTORS, mmap_mode="r")
        ids = read_json(folder / _IDS, REMEDY)
        expected = (sidecar["rows"], sidecar["dim"])
        if vectors.shape != expected or len(ids) != sidecar["rows"]:
            raise ValueError(
                f"{folder}: its files are of different indexes: {_SIDECAR} "
                f"tells of vectors of shape {expected}, {_VECTORS} holds "
                f"{vectors.shape}, {_IDS} {len(ids)} ids. Make it anew."
            )
        metric = sidecar["metric"]
        return cls(
            vectors,
            checked_ids(ids, len(ids)),
            metric,
            BACKENDS[sidecar["backend"]].load(folder, vectors, metric),
            sidecar["side"],
            sidecar["model_fingerprint"],
        )

    def _row_or_none(self, identifier):
        is_text = isinstance(identifier, str)
        is_integer = isinstance(identifier, int | np.integer)
        texts = self.ids.dtype.kind == "U"
        if not (is_text if texts else is_integer):
            raise ValueError(
                f"an id must be {'a text' if texts else 'an integer'}, as "
                f"those of the index are. Received: {identifier!r}"
            )
        if self._rows is None:
            ids = self.ids.tolist()
            self._rows = {name: row for row, name in enumerate(ids)}
        return self._rows.get(identifier)

    def _check_k(self, k):
        is_integer = isinstance(k, int | np.integer) and k is not True
        if not is_integer or not 1 <= k <= len(self):
            raise ValueError(
                f"`k` must be an integer from 1 to {len(self)}, the number "
                f"of vectors in the index. Received: k={k!r}"
            )

    def _excluded_rows(self, exclude, queries):
        if exclude is None:
            return [()] * queries
        if isinstance(exclude, str) or len(exclude) != queries:
            raise ValueError(
                f"`exclude` must hold a list of ids for each of the "
                f"{queries} queries. Received: exclude={exclude!r:.60}"
            )
        for ids in exclude:
            if isinstance(ids, str) or not hasattr(ids, "__iter__"):
                raise ValueError(
                    "`exclude` must hold a list of ids for each query. "
                    f"Received: {ids!r} for one"
                )
        rows = [{self._row_or_none(i) for i in ids} for ids in exclude]
        return [sorted(found - {None}) for found in rows]

    def _query_block(self, search, queries, k, excluded):
        """Rows and scores of a block of queries, `(queries, k)` each."""
        most = max(map(len, excluded))
        rows = search.search(queries, min(k + most, len(self)))
        for row, gone in zip(rows, excluded, strict=True):
            row[np.isin(row, gone)] = -1
        # What is left moves to the front and keeps its order.
        order = np.argsort(rows < 0, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(rows, order, axis=1)
        missing = k - rows.shape[1]
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        left = [min(k, len(self) - len(gone)) for gone in excluded]
        short = np.flatnonzero((rows >= 0).sum(axis=1) < left)
        if len(short):
            exact = ExactSearch(self.vectors, self.metric)
            gone = [excluded[query] for query in short]
            rows[short] = self._query_block(exact, queries[short], k, gone)[0]
        closeness = self._closeness(queries, rows)
        order = np.lexsort((rows, -closeness), axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        closeness = np.take_along_axis(closeness, order, axis=1)
        return rows, self._scores(closeness, rows)

    def _closeness(self, queries, rows):
        """Float64 `(queries, k)`, larger for nearer; -inf for row -1."""
        near = self.vectors[rows].astype(np.float64)
        queries = queries.astype(np.float64)[:, None]
        if self.metric == "euclidean":
            closeness = -np.sqrt(((near - queries) ** 2).sum(axis=-1))
        else:
            closeness = (near * queries).sum(axis=-1)
        return np.where(rows < 0, -np.inf, closeness)

    def _scores(self, closeness, rows):
        scores = -closeness if self.metric == "euclidean" else closeness
        return np.where(rows < 0, np.nan, scores)


def index_folder(path: str | os.PathLike) -> OutputFolder:
    """Returns the folder of an index, as a place to write to."""
    files = [_SIDECAR, _VECTORS, _IDS]
    files += [f for search in BACKENDS.values() for f in search.files]
    return OutputFolder(
        path, "folder", "an index", files, lambda p: (p / _SIDECAR).is_file()
    )


def _read_sidecar(folder):
    try:
        sidecar = read_json(folder / _SIDECAR, REMEDY)
    except FileNotFoundError:
        raise ValueError(
            "`folder` must hold an index; `o2v index` and "
            "`NeighborIndex.save` write one. "
            f"Received: folder={os.fspath(folder)!r}"
        ) from None
    if sidecar.get("format") != _FORMAT:
        raise ValueError(
            f"{folder / _SIDECAR}: must have the format {_FORMAT}. Make the "
            f"index anew. Received: format={sidecar.get('format')!r}"
        )
    return sidecar
