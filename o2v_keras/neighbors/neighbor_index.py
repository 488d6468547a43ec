"""An index of embeddings for nearest neighbour queries."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from o2v_keras.evaluation.inference import embed_marked
from o2v_keras.evaluation.inference import warn_of_untrained
from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.neighbors.id_rows import IdRows
from o2v_keras.neighbors.index_files import index_folder
from o2v_keras.neighbors.index_files import made_search
from o2v_keras.neighbors.index_files import read_index
from o2v_keras.neighbors.index_files import read_search
from o2v_keras.neighbors.index_files import write_index
from o2v_keras.neighbors.kept_recall import kept_recall
from o2v_keras.neighbors.model_fingerprint import model_fingerprint
from o2v_keras.neighbors.nearest import Nearest
from o2v_keras.neighbors.vector_checks import check_k
from o2v_keras.neighbors.vector_checks import checked_ids
from o2v_keras.neighbors.vector_checks import checked_metric
from o2v_keras.neighbors.vector_checks import checked_vectors
from o2v_keras.neighbors.vector_checks import warn_of_equal
from o2v_keras.optional_packages import import_extra
from o2v_keras.user_warning import warn_user


class Neighbors(NamedTuple):
    """The nearest vectors of each query, nearest first.

    Args:
        ids: `(queries, k)` int64, texts or objects; `-1`, `""` or `None` for
            missing ones.
        scores: float32 `(queries, k)`: cosine, dot product or Euclidean
            distance; NaN for missing ones.
        rows: int64 `(queries, k)`. Rows of the index; -1 for missing ones.
    """

    ids: np.ndarray
    scores: np.ndarray
    rows: np.ndarray

    def to_pandas(self, queries: Sequence[Any] | None = None) -> Any:
        """Returns a row for each neighbour, but for missing ones.

        Args:
            queries: What names each query. Defaults to `None`: its number.

        Returns:
            A frame of `query`, `rank` (from 1), `id` and `score`.

        Raises:
            MissingExtraError: If pandas is not installed.
            ValueError: If there is no name for each query.
        """
        pandas = import_extra("pandas", "pandas", "`Neighbors.to_pandas`")
        count, k = self.rows.shape
        names = range(count) if queries is None else [*queries]
        if len(names) != count:
            raise ValueError(
                f"`queries` must name each of the {count} queries. "
                f"Received: {len(names)} names"
            )
        frame = pandas.DataFrame(
            {
                "query": [name for name in names for _ in range(k)],
                "rank": np.tile(np.arange(1, k + 1), count),
                "id": self.ids.ravel(),
                "score": self.scores.ravel(),
            }
        )
        return frame[self.rows.ravel() >= 0].reset_index(drop=True)


class NeighborIndex:
    """Finds the vectors nearest to a query.

    Create one by `build`, `from_model` or `load`. Scores are computed again
    from the vectors in float64, ties are in the order of the rows, and a query
    for which the backend finds too few vectors uses exact search.

    Attributes:
        metric: `"cosine"`, `"dot"` or `"euclidean"`.
        backend: `"exact"`, `"faiss"` or `"usearch"`.
        ids: int64, texts or objects `(rows,)`.
        vectors: float32 `(rows, dim)`, of length 1 under `"cosine"`.
        side: `"in0"` or `"in1"`: the side of the embeddings; `None` for
            vectors without a model.
        fingerprint: `model_fingerprint` of the model, or `None`.

    Example:
    >>> index = NeighborIndex.build([[1, 0], [0, 1], [1, 1]], ["x", "y", "xy"])
    >>> nearest = index.query([[3.0, 1.0]], k=2)
    >>> nearest.ids.tolist(), nearest.scores.round(2).tolist()
    ([['x', 'xy']], [[0.949999988079071, 0.8899999856948853]])
    >>> index.query([[3.0, 1.0]], k=2, exclude=[["x", "y"]]).ids.tolist()
    [['xy', '']]
    """

    def __init__(
        self,
        vectors: np.ndarray,
        ids: np.ndarray,
        metric: str,
        search: Any,
        side: str | None = None,
        model: str | None = None,
    ):
        self.vectors = vectors
        self.ids = ids
        self.metric = metric
        self.side: str | None = side
        self.fingerprint: str | None = model
        self._search = search
        self._nearest = Nearest(vectors, metric, search)
        self._rows = IdRows(ids)
        self._kept = None

    @classmethod
    def build(
        cls,
        vectors: Any,
        ids: Sequence[Any] | np.ndarray | None = None,
        metric: str = "cosine",
        backend: str = "exact",
        precision: str = "float32",
        rescore: int = 4,
    ) -> "NeighborIndex":
        """Builds an index of vectors.

        Args:
            vectors: Numbers of shape `(rows, dim)`, scaled to length 1 under
                `"cosine"`.
            ids: Distinct integers or texts, also both. Defaults to `None`:
                the numbers of the rows.
            metric: `"cosine"`, `"dot"` or `"euclidean"`. Defaults to
                `"cosine"`.
            backend: `"exact"`, or the approximate `"faiss"` or `"usearch"`,
                which are much faster and find most of the nearest (see
                `recall`). Defaults to `"exact"`.
            precision: `"float32"`, or with the backend `"exact"` `"int8"` or
                `"binary"`: queries are compared with codes of the vectors
                (`ScalarQuantizer`, its ranges those of the vectors), which
                take a quarter or a thirty-second of the memory. Defaults to
                `"float32"`.
            rescore: int, at least 1. With codes, the nearest `rescore * k`
                are compared again by the vectors, which a loaded index maps
                from disk; 1 leaves that out. Defaults to 4.

        Raises:
            ValueError: If there is no vector, one holds NaN or is zero under
                `"cosine"`, ids are not distinct, or another argument breaks
                its rule.
            MissingExtraError: If the backend is not installed.
        """
        checked_metric(metric)
        vectors = checked_vectors(vectors, metric)
        if not len(vectors):
            raise ValueError(
                "`vectors` must hold at least one row. Received: 0 rows"
            )
        ids = checked_ids(ids, len(vectors))
        search = made_search(vectors, metric, backend, precision, rescore)
        return cls(vectors, ids, metric, search)

    @classmethod
    def from_model(
        cls,
        model: Object2Vec,
        side: str,
        source: Any,
        ids: Sequence[Any] | np.ndarray | None = None,
        metric: str = "cosine",
        backend: str = "exact",
        precision: str = "float32",
        rescore: int = 4,
        **settings: Any,
    ) -> "NeighborIndex":
        """Embeds objects and builds an index with the model's fingerprint.

        Objects without any trained id (`trained_ids` of the model) are left
        out with a warning: their embeddings are random. It also warns if the
        nearest embeddings are the worst partners, or all embeddings are
        equal.

        Args:
            model: `Object2Vec`.
            side: `"in0"` or `"in1"`, the side of the objects.
            source: Data with that side: files, a mapping or a `PairTable`.
            ids: Ids of the objects, in the order of the rows. Defaults to
                `None`: the numbers of the rows of `source`.
            metric: As for `build`, and so are the next three.
            backend: Defaults to `"exact"`.
            precision: Defaults to `"float32"`.
            rescore: Defaults to 4.
            **settings: Other arguments of `embed`.

        Raises:
            ValueError: If data, ids or names are unusable.
            MissingExtraError: If the backend is not installed.
        """
        vectors, untrained = embed_marked(model, side, source, **settings)
        if similarity_sign(model) < 0:
            warn_user(f"This model {UPSIDE_DOWN}.")
        ids = checked_ids(ids, len(vectors))
        vectors, ids = vectors[~untrained], ids[~untrained]
        warn_of_untrained(untrained, side, "are not in the index")
        warn_of_equal(vectors)
        index = cls.build(vectors, ids, metric, backend, precision, rescore)
        index.side, index.fingerprint = side, model_fingerprint(model)
        return index

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.vectors.shape[1]

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self._search.name

    @property
    def precision(self) -> str:
        """Type of what queries are compared with."""
        return getattr(self._search, "precision", "float32")

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors, or codes, that queries are compared with."""
        if self.precision == "float32":
            return self.vectors.nbytes
        return self._search.nbytes

    def query(
        self,
        vectors: Any,
        k: int = 10,
        exclude: Sequence[Any] | None = None,
        allow: Sequence[Any] | None = None,
    ) -> Neighbors:
        """Returns the nearest vectors of each query.

        Args:
            vectors: Queries, numbers of shape `(queries, dim)`; not zero
                under `"cosine"`.
            k: int. Neighbours of a query, at most the number of vectors.
                Defaults to 10.
            exclude: For each query the ids to exclude, such as objects that
                a user has seen; ids that are not in the index are ignored.
                Defaults to `None`.
            allow: For each query the ids that its neighbours are taken from,
                such as objects in stock, but for those in `exclude`; ids
                that are not in the index are ignored, and an empty list has
                no neighbours. These vectors are all compared, whatever the
                backend and the precision; queries that are given the same
                list object are compared at once. Defaults to `None`: all.

        Returns:
            `Neighbors`. If fewer than `k` are left, the last ids are `-1`,
            `""` or `None`, as `ids` are integers, texts or objects, their
            scores NaN and their rows -1.

        Raises:
            ValueError: If the queries have another width, hold NaN or are
                zero under `"cosine"`, `k` is no integer from 1 to the number
                of vectors, or a listed id has another type than ids.
        """
        queries = checked_vectors(vectors, self.metric, self.dim, "queries")
        check_k(k, len(self))
        excluded, allowed = [[]] * len(queries), None
        if exclude is not None:
            excluded = self._rows.listed(exclude, len(queries), "exclude")
        if allow is not None:
            allowed = self._rows.listed(allow, len(queries), "allow")
        rows, scores = self._nearest.query(queries, k, excluded, allowed)
        absent = {"U": "", "i": -1, "O": None}[self.ids.dtype.kind]
        ids = np.where(rows < 0, absent, self.ids[rows])
        return Neighbors(ids, scores.astype(np.float32), rows)

    def query_model(
        self,
        model: Object2Vec,
        side: str,
        source: Any,
        k: int = 10,
        exclude: Sequence[Any] | None = None,
        allow: Sequence[Any] | None = None,
        **settings: Any,
    ) -> Neighbors:
        """Embeds queries with the index's model and returns their neighbours.

        Embeddings are cut to the width of the index.

        Args:
            model: The `Object2Vec` that the index was built from.
            side: The side of the queries. The index's side finds similar
                objects, the other one partners.
            source: Data with that side: files, a mapping or a `PairTable`.
            k: int. Neighbours of a query. Defaults to 10.
            exclude: For each query the ids to exclude. Defaults to `None`.
            allow: For each query the ids to choose from. Defaults to `None`.
            **settings: Other arguments of `embed`.

        Raises:
            ValueError: If the index is of another model, or an argument is
                invalid.
        """
        self.check_model(model)
        settings = {"dim": self.dim, **settings}
        vectors, untrained = embed_marked(model, side, source, **settings)
        warn_of_untrained(untrained, side, "have neighbors by chance")
        return self.query(vectors, k, exclude, allow)

    def similar(
        self,
        ids: Sequence[Any],
        k: int = 10,
        allow: Sequence[Any] | None = None,
    ) -> Neighbors:
        """Returns the nearest other objects of objects in the index.

        Args:
            ids: Ids in the index.
            k: int. Neighbours of a query. Defaults to 10.
            allow: For each id the ids to choose from. Defaults to `None`.

        Raises:
            ValueError: If an id is not in the index, or `k` is out of range.
        """
        rows = np.array([self.row(i) for i in ids], np.int64)
        return self.query(self.vectors[rows], k, [[i] for i in ids], allow)

    def like(
        self,
        ids: Sequence[Any],
        unlike: Sequence[Any] = (),
        k: int = 10,
        allow: Sequence[Any] | None = None,
    ) -> Neighbors:
        """Returns what is like some objects and unlike others.

        The query is the mean vector of `ids` minus that of `unlike`; neither
        are among its neighbours.

        Args:
            ids: At least one id in the index.
            unlike: Other ids in the index, not under `"euclidean"`: a
                difference of points is no place. Defaults to none.
            k: int. Neighbours. Defaults to 10.
            allow: Ids to choose from. Defaults to `None`: all.

        Returns:
            `Neighbors` of one query.

        Raises:
            ValueError: If an id is not in the index or in both lists, `ids`
                is empty, or another argument breaks its rule.

        Example:
        >>> index = NeighborIndex.build([[1, 1], [0, 1], [3, 1], [2, 2]])
        >>> index.like([0], unlike=[1], k=2).ids.tolist()
        [[2, 3]]
        """
        both = [i for i in ids if i in unlike]
        if not len(ids) or both:
            raise ValueError(
                "`ids` must hold at least one id, and none of `unlike`. "
                f"Received: {both[0] if both else ids!r}"
            )
        if len(unlike) and self.metric == "euclidean":
            raise ValueError(
                "`unlike` must be empty under the metric euclidean, where a "
                "difference of vectors is no place to look around. Build the "
                'index with `metric="cosine"` or `"dot"`.'
            )
        query = self._mean(ids)
        if len(unlike):
            query -= self._mean(unlike)
        allow = None if allow is None else [allow]
        return self.query([query], k, [[*ids, *unlike]], allow)

    def _mean(self, ids):
        rows = [self.row(i) for i in ids]
        return self.vectors[rows].mean(axis=0, dtype=np.float64)

    def recall(self, queries: Any, k: int = 10) -> float:
        """Returns the share of exact neighbours that the backend finds.

        Args:
            queries: Numbers of shape `(queries, dim)`, at least one row.
            k: int. Neighbours of a query. Defaults to 10.

        Returns:
            A float from 0 to 1. Any vector as near as the k-th nearest
            counts.

        Raises:
            ValueError: If there is no query, its width differs, or `k` is out
                of range.
        """
        queries = checked_vectors(queries, self.metric, self.dim, "queries")
        check_k(k, len(self))
        if not len(queries):
            raise ValueError(
                "`queries` must hold at least one row. Received: 0 rows"
            )
        return self._nearest.recall(queries, k, [[]] * len(queries))

    def kept_recall(self, k: int = 10, sample: int = 1000) -> dict[str, float]:
        """Returns the recall of objects of the index, each without itself.

        `save` writes the last result into the index, for the model card.

        Args:
            k: int, below the number of vectors. Defaults to 10.
            sample: int, at least 1. Most queries, spread evenly over the
                index: 1000 estimate the recall to 0.01. Defaults to 1000.

        Returns:
            `"k"`, `"queries"`, `"recall"`; of codes also `"recall_by_codes"`.

        Raises:
            ValueError: If `k` is out of range.

        Example:
        >>> index = NeighborIndex.build(np.eye(4), precision="int8")
        >>> index.kept_recall(k=2)["recall"]
        1.0
        """
        check_k(k + 1, len(self))
        self._kept = kept_recall(
            self.vectors, self.metric, self._search, k, sample
        )
        return self._kept

    def row(self, identifier: int | str) -> int:
        """Returns the row of an id.

        Raises:
            ValueError: If it is not in the index.
        """
        return self._rows.row(identifier)

    def check_model(self, model: Object2Vec) -> None:
        """Raises `ValueError` if the index is of another model."""
        if self.fingerprint is None:
            raise ValueError(
                "This index was built from vectors and has no "
                "model. Query it with vectors (`query`), or build it with "
                "`NeighborIndex.from_model`."
            )
        found = model_fingerprint(model)
        if found != self.fingerprint:
            raise ValueError(
                "`model` must be the one that made the index: embeddings of "
                "two models, or of two trainings of one, cannot be compared. "
                "Load that model, or make the index again. Received: a model "
                f"with the fingerprint {found}; the index has "
                f"{self.fingerprint}"
            )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the index to a folder atomically.

        Args:
            folder: A new folder, or one with an index, which is replaced.

        Raises:
            ValueError: If the folder holds other files.
            DiskFullError: If the disk is full.
        """
        facts = {
            "metric": self.metric,
            "unit_length": self.metric == "cosine",
            "backend": self.backend,
            "precision": self.precision,
            "rescore": getattr(self._search, "rescore", None),
            "nbytes": self.nbytes,
            "kept_recall": self._kept,
            "side": self.side,
            "model_fingerprint": self.fingerprint,
        }
        with index_folder(folder).replaced() as new:
            self._search.save(new)
            write_index(new, self.vectors, self.ids, facts)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "NeighborIndex":
        """Reads an index; its vectors are memory-mapped, codes are not.

        Args:
            folder: A folder that `save` wrote.

        Raises:
            ValueError: If there is no index, or its files contradict each
                other.
            MissingExtraError: If its backend is not installed.
        """
        folder = pathlib.Path(folder)
        vectors, ids, facts = read_index(folder)
        index = cls(
            vectors,
            checked_ids(ids, len(ids)),
            facts["metric"],
            read_search(folder, vectors, facts),
            facts["side"],
            facts["model_fingerprint"],
        )
        index._kept = facts["kept_recall"]
        return index
