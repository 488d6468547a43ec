"""The vectors that records name by their labels."""

import os
import zlib

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.data.read.paths import is_remote

_FIELD = "target_embedding_file"
# Numbers that are in memory at a time when all rows are read.
_BLOCK_NUMBERS = 1 << 20


class TargetVectors:
    """The rows of a `.npy` file, read by memory map.

    Args:
        path: The file, on this machine: float16 or float32 of shape
            `(rows, width)`.

    Attributes:
        rows: Number of rows.
        dim: Width of a row.

    Raises:
        DataError: If the file is missing or holds something else.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/teacher.npy"
    >>> np.save(path, np.eye(3, dtype=np.float32))
    >>> vectors = TargetVectors(path)
    >>> vectors.rows, vectors.dim, vectors.take(np.array([2.0]))
    (3, 3, array([[0., 0., 1.]], dtype=float32))
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = os.fspath(path)
        if is_remote(self._path):
            raise DataError(
                f"`{_FIELD}` must be on this machine, where rows are read "
                f"when a batch needs them. Received: {_FIELD}={self._path!r}"
            )
        try:
            self._values = np.load(self._path, mmap_mode="r")
        except (OSError, ValueError) as error:
            # NumPy takes any other file for pickled objects and advises to
            # load them.
            reason = f": {error}" if isinstance(error, OSError) else ""
            raise DataError(
                f"{self._path}: must be a whole .npy file of numbers, as "
                f"`numpy.save` and `o2v embed --output F.npy` write it{reason}"
            ) from None
        values = self._values
        if (
            getattr(values, "ndim", 0) != 2
            or values.dtype.name not in ("float16", "float32")
            or not values.size
        ):
            shape = getattr(values, "shape", None)
            raise DataError(
                f"{self._path}: must hold float16 or float32 numbers of shape "
                f"(rows, width). Received: shape {shape}, dtype "
                f"{getattr(values, 'dtype', None)}"
            )
        self.rows, self.dim = values.shape

    def take(self, labels: np.ndarray) -> np.ndarray:
        """Returns the vectors of checked labels.

        Args:
            labels: `(n,)`. Row numbers of any dtype.

        Returns:
            float32 `(n, dim)`.
        """
        return self._values[labels.astype(np.int64)].astype(np.float32)

    def not_finite(self, labels: np.ndarray) -> np.ndarray:
        """Marks the labels whose vector holds NaN or infinity, `(n,)`."""
        rows, places = np.unique(labels.astype(np.int64), return_inverse=True)
        found = np.zeros(len(rows), bool)
        step = max(1, _BLOCK_NUMBERS // self.dim)
        for first in range(0, len(rows), step):
            part = self._values[rows[first : first + step]]
            found[first : first + step] = ~np.isfinite(part).all(axis=1)
        return found[places]

    def mean(self, labels: np.ndarray, weights: np.ndarray | None):
        """Returns the weighted mean of the labels' vectors, float64 `(dim,)`.

        Args:
            labels: `(n,)`. Row numbers.
            weights: `(n,)`, or `None`: ones.
        """
        counts = np.bincount(labels.astype(np.int64), weights, self.rows)
        total = np.zeros(self.dim)
        step = max(1, _BLOCK_NUMBERS // self.dim)
        for first in range(0, self.rows, step):
            rows = slice(first, first + step)
            kept = counts[rows] > 0
            part = self._values[rows][kept].astype(np.float64)
            total += counts[rows][kept] @ part
        return total / counts.sum()

    def fingerprint(self) -> str:
        """Digest of shape and numbers, to detect changes.

        It reads the whole file once, at the speed of the disk.
        """
        checksum = zlib.crc32(repr(self._values.dtype.name).encode())
        step = max(1, _BLOCK_NUMBERS // self.dim)
        for first in range(0, self.rows, step):
            part = np.ascontiguousarray(self._values[first : first + step])
            checksum = zlib.crc32(part.data, checksum)
        return f"{self.rows}x{self.dim} {checksum:08x}"


def target_vectors(config: Object2VecConfig) -> TargetVectors | None:
    """Opens the vectors that a configuration names.

    Args:
        config: `Object2VecConfig`; a relative path is relative to the working
            directory.

    Returns:
        `TargetVectors`, or `None` if the head learns none.

    Raises:
        DataError: If the file is missing, is no table of floats or has
            another width than `target_embedding_dim`.
    """
    if config.output_layer != "embedding":
        return None
    if not config.target_embedding_file:
        raise DataError(
            f"`{_FIELD}` must name the vectors that the labels of the data "
            f"are rows of. Received: {_FIELD}=''"
        )
    vectors = TargetVectors(
        auxiliary_file(_FIELD, config.target_embedding_file)
    )
    if config.target_embedding_dim not in (None, vectors.dim):
        raise DataError(
            f"{config.target_embedding_file}: must have the width of "
            "`target_embedding_dim`, which may be left out. Received: "
            f"target_embedding_dim={config.target_embedding_dim}, a file of "
            f"width {vectors.dim}"
        )
    return vectors


def with_target_dim(config: Object2VecConfig) -> Object2VecConfig:
    """Returns the configuration with the width of the vectors.

    The file is read only if the width is unknown, so that a saved model loads
    without it.

    Raises:
        DataError: As `target_vectors`.
    """
    if config.output_layer != "embedding" or config.target_embedding_dim:
        return config
    return with_target_file(config)


def with_target_file(
    config: Object2VecConfig, auxiliary: str | os.PathLike[str] | None = None
) -> Object2VecConfig:
    """Returns the configuration with the whole path and the width of vectors.

    With the whole path `evaluate` finds the file from any folder.

    Args:
        config: `Object2VecConfig`; returned as it is unless its head is
            `embedding`.
        auxiliary: Folder of a relative path. Defaults to `None`: the working
            directory.

    Raises:
        DataError: As `target_vectors`.
    """
    if config.target_embedding_file:
        path = auxiliary_file(_FIELD, config.target_embedding_file, auxiliary)
        config = config.replace(target_embedding_file=path)
    vectors = target_vectors(config)
    if vectors is None:
        return config
    return config.replace(target_embedding_dim=vectors.dim)
