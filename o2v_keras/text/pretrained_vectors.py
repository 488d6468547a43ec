"""Reads the pretrained vectors of a vocabulary's words from a file."""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import read_failure
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.file_system import open_random
from o2v_keras.text.vector_files import VectorArray
from o2v_keras.text.vector_files import VectorBlock
from o2v_keras.text.vector_files import VectorText
from o2v_keras.user_warning import warn_user

_NUMPY = b"\x93NUMPY"
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_SHOWN_WORDS = 5
_MISSING_SHOWN = 5


class PretrainedVectors(NamedTuple):
    """The vectors of some words, and the moments of all vectors of a file.

    Args:
        values: float32 `(words, dim)`; zeros for words without a vector.
        found: bool `(words,)`. Whether the file has the word.
        mean: float64 `(dim,)`, over all vectors of the file.
        deviation: float64 `(dim,)`, their standard deviation.
    """

    values: np.ndarray
    found: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray


def read_vectors(
    path: str | os.PathLike[str], words: Sequence[str], dim: int
) -> PretrainedVectors:
    r"""Reads the vectors of some words, in one pass over a file.

    The first bytes decide the format, not the name: `.npy` (`VectorArray`)
    or text, plain or compressed with gzip or zstd (`VectorText`: GloVe, or
    with a header word2vec and fastText). Memory holds the vectors of these
    words and a few megabytes.

    Warns if the file has two vectors for one of the words (the first is
    taken), if it holds words that are not UTF-8 (they are ignored), and if
    its header gives another number of vectors.

    Args:
        path: The file; text may be remote, such as `gs://bucket/glove.txt`.
        words: Distinct words.
        dim: Dimension of a vector.

    Raises:
        DataError: If the file cannot be read, a line is malformed, a vector
            has another number of numbers or one that is not finite, or none
            of the words is there; the message names the line.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "glove.txt")
    >>> _ = path.write_text("the 1 2\na 3 4\n")
    >>> vectors = read_vectors(path, ["a", "zebra"], dim=2)
    >>> vectors.values[vectors.found]
    array([[3., 4.]], dtype=float32)
    """
    path = os.fspath(path)
    reading = _Reading(path, words, dim)
    try:
        if is_array(path):
            reading.add_all(VectorArray(path, dim))
        else:
            with _open_text(path) as stream:
                reading.add_all(VectorText(path, stream, dim))
    except (OSError, pa.ArrowInvalid) as error:
        raise read_failure(path, error) from error
    return reading.result()


def is_array(path: str) -> bool:
    """Whether a file is a `.npy`, by its first bytes.

    Raises:
        DataError: If it is one on a remote file system, or cannot be read.
    """
    try:
        with _open(path) as stream:
            array = stream.read(len(_NUMPY)) == _NUMPY
    except OSError as error:
        raise read_failure(path, error) from error
    if array and is_remote(path):
        raise DataError(
            f"{path}: a .npy file must be on this machine. Copy it here."
        )
    return array


def _open(path):
    return pa.input_stream(open_random(path), compression=None)


def _open_text(path):
    with _open(path) as stream:
        head = stream.read(4)
    for magic, compression in _PACKED.items():
        if head.startswith(magic):
            return pa.CompressedInputStream(_open(path), compression)
    return _open(path)


class _Reading:
    """Collects the vectors of wanted words and warnings from blocks."""

    def __init__(self, path, words, dim):
        self._path = path
        self._words = words
        self._places = {
            word.encode(errors="surrogatepass"): place
            for place, word in enumerate(words)
        }
        # Pages that are never written take no memory.
        self._values = np.zeros((len(words), dim), np.float32)
        self._numbers = np.full(len(words), -1)
        self._moments = Moments(dim)
        self._first_words = []
        self._repeated = []
        self._broken = []

    def add_all(self, blocks: Iterable[VectorBlock]):
        for block in blocks:
            self._moments.add(block.values)
            self._pick(block)
            self._broken += _undecodable(block)
            if not self._first_words:
                self._first_words = block.words[:_SHOWN_WORDS]

    def result(self):
        self._warn()
        found = self._numbers >= 0
        if not found.any():
            raise DataError(
                f"{self._path}: has a vector for none of the "
                f"{len(found):,} words. It begins with "
                f"{_listed(map(_text, self._first_words))}; the words with "
                f"{_listed(self._words)}. Do both write words alike, in "
                f"lower case for instance?"
            )
        moments = self._moments
        return PretrainedVectors(
            self._values, found, moments.mean, moments.deviation
        )

    def _pick(self, block):
        rows, places = [], []
        for row, word in enumerate(block.words):
            place = self._places.get(word)
            if place is None:
                continue
            number = block.first + row
            if self._numbers[place] >= 0:
                first = int(self._numbers[place])
                self._repeated.append((self._words[place], first, number))
                continue
            self._numbers[place] = number
            rows.append(row)
            places.append(place)
        self._values[places] = block.values[rows]

    def _warn(self):
        if self._repeated:
            word, first, second = self._repeated[0]
            warn_user(
                f"{self._path}: {len(self._repeated):,} vectors are of words "
                f"that had one before, which they keep. The first is of "
                f"{word!r}, in line {second} and before in line {first}.",
            )
        if self._broken:
            warn_user(
                f"{self._path}: {len(self._broken):,} words are not UTF-8 "
                f"and nobody's vector, the first in line {self._broken[0]}.",
            )


def _undecodable(block):
    try:
        b"\n".join(block.words).decode()
    except UnicodeDecodeError:
        return [
            block.first + row
            for row, word in enumerate(block.words)
            if word.decode(errors="ignore").encode() != word
        ]
    return []


def _text(word):
    return word.decode(errors="replace")


def _listed(words):
    return ", ".join(map(repr, itertools.islice(words, _SHOWN_WORDS)))


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The share of a side's words that have a vector in a file.

    Args:
        side: `"enc0"` or `"enc1"`.
        path: The file.
        total: Number of words in the vocabulary, or of ids.
        missing: Words without a vector, in the order of their ids.
        checksum: Checksum of all numbers in the table, random ones included.
        noun: Name of the units. Defaults to `"words"`.

    Example:
    >>> print(Coverage("enc0", "data/glove.txt", 8, ["zebra", "gnu"]))
    enc0: 6 of 8 words (75.0 %) have a vector in glove.txt; missing: zebra, gnu
    """

    side: str
    path: str
    total: int
    missing: Sequence[str] = ()
    checksum: int = 0
    noun: str = "words"

    @property
    def found(self) -> int:
        """Words that have a vector."""
        return self.total - len(self.missing)

    def __str__(self) -> str:
        name = pathlib.PurePath(self.path).name
        text = (
            f"{self.side}: {self.found:,} of {self.total:,} {self.noun} "
            f"({100 * self.found / self.total:.1f} %) have a vector in {name}"
        )
        if self.missing:
            more = len(self.missing) > _MISSING_SHOWN
            text += "; e.g. missing: " if more else "; missing: "
            text += ", ".join(self.missing[:_MISSING_SHOWN])
        return text


class Moments:
    """Streaming mean and standard deviation of each column.

    Args:
        dim: Columns.

    Attributes:
        mean: float64 `(dim,)`.
        count: Rows seen.

    Example:
    >>> moments = Moments(1)
    >>> moments.add(np.array([[1.0], [3.0]]))
    >>> moments.add(np.array([[5.0]]))
    >>> moments.mean, moments.deviation.round(3)
    (array([3.]), array([1.633]))

    Reference:
    - Chan, Golub and LeVeque, 1983, "Algorithms for Computing the Sample
      Variance": sums of squares about the mean lose no digits.
    """

    def __init__(self, dim: int):
        self.mean = np.zeros(dim)
        self.count = 0
        self._squares = np.zeros(dim)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of the rows seen, float64 `(dim,)`."""
        return np.sqrt(self._squares / max(1, self.count))

    def add(self, rows: np.ndarray) -> None:
        """Adds rows, float `(rows, dim)`."""
        if not len(rows):
            return
        mean = rows.mean(axis=0, dtype=np.float64)
        squares = np.square(rows - mean).sum(axis=0)
        count = self.count + len(rows)
        share = len(rows) / count
        step = mean - self.mean
        self._squares += squares + np.square(step) * self.count * share
        self.mean += step * share
        self.count = count
