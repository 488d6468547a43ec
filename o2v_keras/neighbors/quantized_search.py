"""Search in vectors of 8 bits or 1 bit a number."""

import pathlib

import numpy as np

from o2v_keras.neighbors.exact_search import best_rows
from o2v_keras.neighbors.exact_search import half_squares
from o2v_keras.neighbors.nearest import closeness
from o2v_keras.neighbors.vector_checks import REMEDY
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.scalar_quantizer import ScalarQuantizer

_CODES, _RANGES = "codes.npy", "ranges.npz"
# Rows that are decoded at once.
_ROWS = 8192
# Most numbers in the vectors that are compared at once.
_NUMBERS = 1 << 22


class QuantizedSearch:
    """Compares every query with the codes of every vector, in blocks.

    Queries stay float32: their dot products with the decoded vectors keep
    much more of the order than those of codes with codes. The best
    `rescore * count` rows are then compared by the vectors themselves. Only
    the codes are held in memory.

    Args:
        vectors: float32 `(rows, dim)`; may be mapped from a file.
        metric: `"cosine"` (vectors and queries have length 1), `"dot"` or
            `"euclidean"`.
        quantizer: `ScalarQuantizer` of the vectors.
        codes: Its codes of the vectors.
        rescore: int, at least 1. Rows that are compared by their vectors, in
            multiples of the number asked for; 1 compares none.

    Example:
    >>> vectors = np.array([[0, 1], [1, 0], [2, 0]], np.float32)
    >>> search = QuantizedSearch.of(vectors, "dot", "int8", rescore=2)
    >>> search.search(np.float32([[1, 0]]), 2)
    array([[2, 1]])
    >>> search.nbytes
    22
    """

    name = "exact"
    files = (_CODES, _RANGES)

    def __init__(
        self,
        vectors: np.ndarray,
        metric: str,
        quantizer: ScalarQuantizer,
        codes: np.ndarray,
        rescore: int,
    ):
        self._vectors = vectors
        self._metric = metric
        self._quantizer = quantizer
        self._codes = codes
        self.rescore = rescore
        self._half_squares = None
        if metric == "euclidean":
            parts = [
                half_squares(quantizer.decode(codes[start : start + _ROWS]))
                for start in range(0, len(codes), _ROWS)
            ]
            self._half_squares = np.concatenate(parts)

    @classmethod
    def of(
        cls, vectors: np.ndarray, metric: str, precision: str, rescore: int
    ) -> "QuantizedSearch":
        """Returns the search in vectors, with their own ranges."""
        quantizer = ScalarQuantizer.calibrated(vectors, precision)
        codes = quantizer.encode(vectors)
        return cls(vectors, metric, quantizer, codes, rescore)

    @property
    def precision(self) -> str:
        """`"int8"` or `"binary"`."""
        return self._quantizer.precision

    @property
    def nbytes(self) -> int:
        """Bytes that every query is compared with."""
        more = 0 if self._half_squares is None else self._half_squares.nbytes
        return self._codes.nbytes + self._quantizer.ranges.nbytes + more

    def without_rescoring(self) -> "QuantizedSearch":
        """Returns the search by codes alone."""
        return QuantizedSearch(
            self._vectors, self._metric, self._quantizer, self._codes, 1
        )

    def search(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Returns the rows of near vectors, nearest first.

        Args:
            queries: float32 `(queries, dim)`.
            count: int. Vectors for each query, at most `rows`.

        Returns:
            int64 `(queries, count)`.
        """
        # The lowest level adds the same to all dot products of a query.
        rows = best_rows(
            queries * self._quantizer.steps,
            lambda block: self._quantizer.unpacked(self._codes[block]),
            len(self._codes),
            min(count * self.rescore, len(self._codes)),
            self._half_squares,
        )
        if self.rescore > 1:
            rows = self._rescored(queries, rows)
        return rows[:, :count]

    def _rescored(self, queries, rows):
        best = np.empty_like(rows)
        step = max(1, _NUMBERS // (rows.shape[1] * self._vectors.shape[1]))
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            near = closeness(
                queries[block], self._vectors, rows[block], self._metric
            )
            order = np.lexsort((rows[block], -near), axis=1)
            best[block] = np.take_along_axis(rows[block], order, axis=1)
        return best

    def save(self, folder: pathlib.Path) -> None:
        """Writes codes and ranges into a folder."""
        np.save(folder / _CODES, self._codes)
        self._quantizer.save(folder / _RANGES)

    @classmethod
    def load(
        cls,
        folder: pathlib.Path,
        vectors: np.ndarray,
        metric: str,
        precision: str,
        rescore: int,
    ) -> "QuantizedSearch":
        """Reads codes and ranges into memory."""
        with damage_named(folder / _RANGES, REMEDY):
            quantizer = ScalarQuantizer.load(folder / _RANGES, precision)
        with damage_named(folder / _CODES, REMEDY):
            codes = np.load(folder / _CODES)
        expected = quantizer.encode(vectors[:1])
        shape = len(vectors), expected.shape[1]
        if (codes.shape, codes.dtype) != (shape, expected.dtype):
            raise ValueError(
                f"{folder}: its files are of different indexes: {_CODES} must "
                f"hold {expected.dtype} of shape {shape}, and has "
                f"{codes.dtype} of shape {codes.shape}. {REMEDY}"
            )
        return cls(vectors, metric, quantizer, codes, rescore)
