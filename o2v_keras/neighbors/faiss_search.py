"""Approximate search with faiss."""

import pathlib

import numpy as np

from o2v_keras.neighbors.vector_checks import REMEDY
from o2v_keras.optional_packages import import_extra
from o2v_keras.storage.damage import damage_named

_FILE = "vectors.faiss"
_LINKS = 16
_EFFORT_BUILDING = 64
_EFFORT = 128


class FaissSearch:
    """Approximate search in an HNSW graph of faiss.

    The graph has 16 links per vector; `efConstruction` is 64, `efSearch` 128
    or, if that is more, twice the number of neighbours.

    Args:
        vectors: float32 `(rows, dim)`.
        metric: `"cosine"` (vectors and queries have length 1), `"dot"` or
            `"euclidean"`.

    Raises:
        MissingExtraError: If faiss is not installed.

    Reference:
    - [Malkov and Yashunin, 2016](https://arxiv.org/abs/1603.09320)
    """

    name = "faiss"
    files = (_FILE,)

    def __init__(self, vectors: np.ndarray, metric: str):
        faiss = _faiss()
        kind = {"euclidean": faiss.METRIC_L2}
        graph = faiss.IndexHNSWFlat(
            vectors.shape[1],
            _LINKS,
            kind.get(metric, faiss.METRIC_INNER_PRODUCT),
        )
        graph.hnsw.efConstruction = _EFFORT_BUILDING
        graph.add(np.ascontiguousarray(vectors))
        self._graph = graph

    def search(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Returns rows of near vectors, int64 `(queries, count)`.

        Missing ones are -1, at the end.
        """
        parameters = _faiss().SearchParametersHNSW(
            efSearch=max(_EFFORT, 2 * count)
        )
        queries = np.ascontiguousarray(queries)
        return self._graph.search(queries, count, params=parameters)[1]

    def save(self, folder: pathlib.Path) -> None:
        """Writes the graph into a folder."""
        _faiss().write_index(self._graph, str(folder / _FILE))

    @classmethod
    def load(
        cls, folder: pathlib.Path, vectors: np.ndarray, metric: str
    ) -> "FaissSearch":
        """Reads the graph from a folder."""
        search = cls.__new__(cls)
        faiss = _faiss()
        with damage_named(folder / _FILE, REMEDY):
            search._graph = faiss.read_index(str(folder / _FILE))
        return search


def _faiss():
    return import_extra("faiss", "faiss-cpu", 'The backend "faiss"')
