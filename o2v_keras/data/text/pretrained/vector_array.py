"""Word vectors in a NumPy file."""

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from o2v_keras.data.data_error import DataError
from o2v_keras.data.text.pretrained.vector_block import VectorBlock
from o2v_keras.data.text.pretrained.vector_width import require_width
from o2v_keras.data.text.vocabulary_files import read_word_ids

_BLOCK_NUMBERS = 1 << 22


class VectorArray:
    """The rows of a `.npy` file, which is never held in memory as a whole.

    Row `i` belongs to the word that has `i` in the file of words beside it:
    `vectors.txt` (a word a line) or `vectors.json` (`{"word": row}`) beside
    `vectors.npy`. Where neither is there, row `i` is the vector of id `i`.

    Args:
        path: The file, on this machine.
        dim: Numbers of a vector.

    Attributes:
        rows: Number of rows.
        has_words: Whether there is a file of words.

    Raises:
        DataError: If the file holds anything but a table of `dim` columns of
            real numbers, or there are two files of words.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/vectors.npy"
    >>> np.save(path, np.eye(3))
    >>> array = VectorArray(path, dim=3)
    >>> array.rows, array.has_words
    (3, False)
    """

    def __init__(self, path: str | os.PathLike, dim: int):
        self._path = os.fspath(path)
        try:
            self._values = np.load(self._path, mmap_mode="r")
        except ValueError as error:
            raise DataError(
                f"{self._path}: must be a whole .npy file of numbers: {error}"
            ) from None
        self._check_table(dim)
        self.rows = len(self._values)
        stem = pathlib.Path(self._path).with_suffix("")
        beside = [
            file
            for ending in (".txt", ".json")
            if (file := stem.with_suffix(ending)).is_file()
        ]
        if len(beside) > 1:
            raise DataError(
                f"{self._path}: there must be one file of its words. Found: "
                + ", ".join(map(str, beside))
            )
        self._words = beside[0] if beside else None
        self.has_words = bool(beside)

    def __iter__(self) -> Iterator[VectorBlock]:
        """Yields all rows, some megabytes at a time.

        Raises:
            DataError: If a row holds NaN or infinity, or the file of words
                does not fit.
        """
        words = self._row_words()
        step = max(1, _BLOCK_NUMBERS // self._values.shape[1])
        for first in range(0, self.rows, step):
            values = self.values(slice(first, first + step))
            yield VectorBlock(first, words[first : first + step], values)

    def values(self, rows: slice) -> np.ndarray:
        """Returns some rows as float32.

        Raises:
            DataError: If one holds NaN or infinity.
        """
        # Numbers beyond float32's become infinite, and are told as such.
        with np.errstate(over="ignore"):
            values = self._values[rows].astype(np.float32)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = rows.start + int(np.argmin(finite))
            raise DataError(f"{self._path}: row {row} holds NaN or infinity.")
        return values

    def require_rows(self, vocab_size: int, side: str) -> None:
        """Raises `DataError` if there is not a row for each id of a side."""
        if self.rows != vocab_size:
            raise DataError(
                f"{self._path}: must have a row for each of the {vocab_size} "
                f"ids of {side}. Found: {self.rows} rows"
            )

    def _check_table(self, dim):
        values = self._values
        if (
            values.ndim != 2
            or values.dtype.kind not in "fiu"
            or not len(values)
        ):
            raise DataError(
                f"{self._path}: must hold a table of numbers. "
                f"Found: shape {values.shape}, dtype {values.dtype}"
            )
        require_width(self._path, values.shape[1], dim)

    def _row_words(self):
        words = [b""] * self.rows
        if self._words is None:
            return words
        for word, row in read_word_ids(self._words).items():
            if row >= self.rows:
                raise DataError(
                    f"{self._words}: rows must be those of {self._path}, 0 "
                    f"to {self.rows - 1}. Received: {word!r}: {row}"
                )
            words[row] = word.encode(errors="surrogatepass")
        return words
