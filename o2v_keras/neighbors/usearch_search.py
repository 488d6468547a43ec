"""Approximate search with usearch."""

import pathlib

import numpy as np

from o2v_keras.neighbors.vector_checks import REMEDY
from o2v_keras.optional_packages import import_extra
from o2v_keras.storage.damage import damage_named

_FILE = "vectors.usearch"
_LINKS = 16
_EFFORT_BUILDING = 64
_EFFORT = 128
_KINDS = {"cosine": "cos", "dot": "ip", "euclidean": "l2sq"}


class UsearchSearch:
    """Approximate search in an HNSW graph of usearch.

    The graph has 16 links per vector; `expansion_add` is 64,
    `expansion_search` 128 or, if that is more, twice the number of
    neighbours. It stores vectors as bfloat16, in half the memory.

    Args:
        vectors: float32 `(rows, dim)`.
        metric: `"cosine"`, `"dot"` or `"euclidean"`.

    Raises:
        MissingExtraError: If usearch is not installed.

    Reference:
    - [Malkov and Yashunin, 2016](https://arxiv.org/abs/1603.09320)
    """

    name = "usearch"
    files = (_FILE,)

    def __init__(self, vectors: np.ndarray, metric: str):
        self._graph = _usearch().Index(
            ndim=vectors.shape[1],
            metric=_KINDS[metric],
            dtype="bf16",
            connectivity=_LINKS,
            expansion_add=_EFFORT_BUILDING,
            expansion_search=_EFFORT,
        )
        self._graph.add(np.arange(len(vectors)), vectors)

    def search(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Returns rows of near vectors, int64 `(queries, count)`.

        Missing ones are -1, at the end.
        """
        if not len(queries):
            return np.empty((0, count), np.int64)
        self._graph.expansion_search = max(_EFFORT, 2 * count)
        # usearch returns another type for a single query.
        several = np.concatenate([queries, queries[:1]])
        matches = self._graph.search(several, count)
        found = np.arange(count) < matches.counts[:, None]
        rows = np.where(found, matches.keys.astype(np.int64), -1)
        return rows[: len(queries)]

    def save(self, folder: pathlib.Path) -> None:
        """Writes the graph into a folder."""
        self._graph.save(folder / _FILE)

    @classmethod
    def load(
        cls, folder: pathlib.Path, vectors: np.ndarray, metric: str
    ) -> "UsearchSearch":
        """Memory-maps the graph from a folder."""
        search = cls.__new__(cls)
        usearch = _usearch()
        with damage_named(folder / _FILE, REMEDY):
            search._graph = usearch.Index.restore(folder / _FILE, view=True)
        return search


def _usearch():
    return import_extra("usearch.index", "usearch", 'The backend "usearch"')
