"""Vectors as codes of 8 bits or 1 bit a number."""

import os
import pathlib

import numpy as np

from o2v_keras.storage.replace import replaced_file

PRECISIONS = ("float32", "int8", "binary")
# Steps between the lowest and the highest code, and the lowest code.
_STEPS = {"int8": 255, "binary": 1}
_LOWEST = {"int8": -128, "binary": 0}
# Rows that are encoded at once; bounds the memory.
_ROWS = 8192


class ScalarQuantizer:
    """Stores each number of a vector as one of 256 or of 2 levels.

    The levels of a dimension are evenly spaced over its range; a number
    becomes the nearest level, and one outside the range the first or the
    last. `"int8"`: 256 levels from the least to the largest calibration
    value. `"binary"`: 2 levels, the mean of the calibration values up to the
    dimension's mean and the mean of those above it, so that a bit is the sign
    about the middle of both. Compare decoded vectors, or multiply a float
    query with them: dot products of the codes themselves ignore that the
    dimensions have different ranges.

    Args:
        precision: `"int8"` or `"binary"`.
        ranges: `(2, dim)`. What the lowest and the highest code of each
            dimension stand for.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
    >>> vectors = np.array([[0.0, -5.1], [5.1, 0.0], [25.5, 20.4]])
    >>> quantizer = ScalarQuantizer.calibrated(vectors, "int8")
    >>> quantizer.encode(vectors)
    array([[-128, -128],
           [ -77,  -77],
           [ 127,  127]], dtype=int8)
    >>> ScalarQuantizer.calibrated(vectors, "binary").encode(vectors)
    array([[  0],
           [  0],
           [192]], dtype=uint8)

    Reference:
    - Levels and bits are those of `quantize_embeddings` of
      [sentence-transformers](https://sbert.net), whose bits are signs about
      zero.
    """

    def __init__(self, precision: str, ranges: np.ndarray):
        if precision not in _STEPS:
            raise ValueError(
                '`precision` must be "int8" or "binary". '
                f"Received: precision={precision!r}"
            )
        ranges = np.asarray(ranges, np.float32)
        bad = ranges.ndim != 2 or len(ranges) != 2 or not ranges.shape[1]
        if bad or not (ranges[0] <= ranges[1]).all():
            raise ValueError(
                "`ranges` must be the lowest and the highest value of each "
                "dimension, of shape (2, dim). Received: ranges of shape "
                f"{ranges.shape}"
                + ("" if bad else ", a lowest above a highest")
            )
        self.precision = precision
        self.ranges = ranges

    @classmethod
    def calibrated(
        cls, vectors: np.ndarray, precision: str
    ) -> "ScalarQuantizer":
        """Returns the quantizer with the ranges of some vectors.

        Args:
            vectors: Finite numbers, `(rows, dim)`, at least one row.
            precision: `"int8"` or `"binary"`.

        Raises:
            ValueError: If there is no row, or `precision` is another one.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or not len(vectors):
            raise ValueError(
                "`vectors` must hold at least one row to take ranges from. "
                f"Received: vectors of shape {vectors.shape}"
            )
        if precision != "binary":
            ends = np.stack([vectors.min(axis=0), vectors.max(axis=0)])
            return cls(precision, ends)
        middle = vectors.mean(axis=0, dtype=np.float64)
        above = vectors > middle
        counts = np.count_nonzero(above, axis=0)
        sums = np.sum(vectors, axis=0, dtype=np.float64, where=above)
        low = middle * len(vectors) - sums
        # All values of a dimension may be equal.
        high = np.where(counts, sums / np.maximum(counts, 1), middle)
        low = low / np.maximum(len(vectors) - counts, 1)
        return cls(precision, np.stack([np.minimum(low, high), high]))

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.ranges.shape[1]

    @property
    def steps(self) -> np.ndarray:
        """Distance between two levels of each dimension, float32 `(dim,)`."""
        return (self.ranges[1] - self.ranges[0]) / _STEPS[self.precision]

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Returns the codes of vectors.

        Args:
            vectors: Finite numbers, `(rows, dim)`.

        Returns:
            int8 `(rows, dim)`, or for `"binary"` uint8
            `(rows, ceil(dim / 8))`, the bits as `np.packbits` packs them.

        Raises:
            ValueError: If the vectors have another width.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ValueError(
                f"`vectors` must have {self.dim} numbers a row, as the "
                f"ranges have. Received: vectors of shape {vectors.shape}"
            )
        width, dtype = self.dim, np.int8
        if self.precision == "binary":
            width, dtype = -(-self.dim // 8), np.uint8
        codes = np.empty((len(vectors), width), dtype)
        for start in range(0, len(vectors), _ROWS):
            rows = slice(start, start + _ROWS)
            codes[rows] = self._encoded(vectors[rows])
        return codes

    def _encoded(self, vectors):
        steps = self.steps
        # One level is all there is where the range is empty.
        levels = (vectors - self.ranges[0]) / np.where(steps > 0, steps, np.inf)
        levels = np.clip(np.rint(levels), 0, _STEPS[self.precision])
        if self.precision == "binary":
            return np.packbits(levels.astype(bool), axis=1)
        return levels + _LOWEST[self.precision]

    def share_outside(self, vectors: np.ndarray) -> float:
        """Returns the share of numbers outside the ranges, 0 to 1.

        Those lose more than half a step with `"int8"`.
        """
        low, high = self.ranges
        outside = (vectors < low) | (vectors > high)
        return np.count_nonzero(outside) / max(outside.size, 1)

    def unpacked(self, codes: np.ndarray) -> np.ndarray:
        """Returns the code of each number, int8 or uint8 `(rows, dim)`."""
        if self.precision == "binary":
            return np.unpackbits(codes, axis=1, count=self.dim)
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Returns the vectors that codes stand for, float32 `(rows, dim)`.

        Args:
            codes: Result of `encode`.
        """
        levels = self.unpacked(codes).astype(np.float32)
        levels -= _LOWEST[self.precision]
        return self.ranges[0] + levels * self.steps

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an `.npz` of `precision` and `ranges`, for `np.load`."""
        with replaced_file(path) as new, open(new, "wb") as file:
            np.savez(file, precision=self.precision, ranges=self.ranges)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], precision: str
    ) -> "ScalarQuantizer":
        """Returns the quantizer of a file that `save` wrote.

        Args:
            path: The file.
            precision: `"int8"` or `"binary"`, as when it was saved.

        Raises:
            ValueError: If there is no such file, or it holds something else.
        """
        held = None
        try:
            with np.load(path) as file:
                held = str(file["precision"])
                if held == precision:
                    return cls(precision, file["ranges"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # missing, or no such `.npz`
        found = f"the ranges of {held}" if held else "no ranges, or no file"
        raise ValueError(
            f"{os.fspath(path)}: must hold the ranges that `o2v embed "
            f"--precision {precision}` writes beside its codes. Found: {found}"
        )


def ranges_path(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns where the ranges of a file of codes are kept.

    Example:
    >>> ranges_path("films.parquet").name
    'films.parquet.ranges.npz'
    """
    path = pathlib.Path(path)
    return path.with_name(f"{path.name}.ranges.npz")
