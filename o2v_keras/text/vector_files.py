"""Files of word vectors: text of GloVe and word2vec, and NumPy arrays."""

import os
import pathlib
import re
from collections.abc import Iterator
from typing import BinaryIO
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.text.vocabulary_files import read_word_ids
from o2v_keras.user_warning import warn_user

_CHUNK_BYTES = 4 << 20
_HEADER = re.compile(rb"(\d+) (\d+) *\r?\n")
_SHOWN_BYTES = 40
_BLOCK_NUMBERS = 1 << 22


class VectorBlock(NamedTuple):
    """Consecutive words of a file and their vectors.

    Args:
        first: Line number of the first vector, or its row number from 0.
        words: Words in UTF-8, one for each vector; `b""` for no word.
        values: float32 `(words, dim)`, all finite.
    """

    first: int
    words: list[bytes]
    values: np.ndarray


def require_width(where: str, width: int, dim: int) -> None:
    """Checks that a vector has the dimension of the token embedding.

    Args:
        where: File and line, for the message.
        width: Dimension of the vector.
        dim: Dimension of the token embedding.

    Raises:
        DataError: If they differ; the message names the setting.

    Example:
    >>> require_width("glove.txt:1", width=50, dim=50)
    """
    if width != dim:
        raise DataError(
            f"{where}: holds a vector of {width} numbers, but the token "
            f"embedding has {dim}. Set `enc*_token_embedding_dim` (for "
            f"`pooled_embedding` `enc_dim`) to {width}, or take a file of "
            f"other vectors."
        )


class VectorText:
    r"""A text file of word vectors, read from front to back.

    A line is a word and `dim` numbers, separated by single spaces. The last
    `dim` fields are the numbers, because a word may hold spaces (some of
    GloVe 840B do). A first line of two integers is the header of word2vec and
    fastText: number of vectors and `dim`. Blanks at the end of a line are
    ignored.

    Args:
        path: Name of the file, for messages.
        stream: Its content, decompressed.
        dim: Numbers of a vector.

    Example:
    >>> import io
    >>> stream = io.BytesIO(b"2 3\nthe 1 2 3\na 4 5 6\n")
    >>> next(iter(VectorText("words.vec", stream, dim=3))).words
    [b'the', b'a']
    """

    def __init__(self, path: str, stream: BinaryIO, dim: int):
        self._path = path
        self._stream = stream
        self._dim = dim
        names = ["word", *map(str, range(dim))]
        # The format has no quotes and no missing numbers.
        self._read = pyarrow.csv.ReadOptions(column_names=names)
        self._parse = pyarrow.csv.ParseOptions(
            delimiter=" ", quote_char=False, ignore_empty_lines=False
        )
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.float32())
            | {"word": pa.binary()},
            null_values=[],
        )

    def __iter__(self) -> Iterator[VectorBlock]:
        """Yields all vectors, some megabytes of text at a time.

        Raises:
            DataError: If a line is malformed, has another number of numbers
                or one that is not finite, or there is no vector.
        """
        said, first = None, 1
        for text in whole_lines(self._stream, _CHUNK_BYTES):
            if first == 1:
                said, text = self._begin(text)
                first += said is not None
            if text:
                block = self._block(first, text)
                yield block
                first += len(block.words)
        found = first - 1 - (said is not None)
        if not found:
            raise DataError(f"{self._path}: holds no vector.")
        if said not in (None, found):
            warn_user(
                f"{self._path}: its first line announces {said:,} vectors, "
                f"but it holds {found:,}. Is it cut off?",
            )

    def _begin(self, text):
        """Removes a header; returns its number of vectors and the rest."""
        header = _HEADER.match(text)
        if not header:
            return None, text
        said, width = map(int, header.groups())
        require_width(f"{self._path}:1", width, self._dim)
        return said, text[header.end() :]

    def _block(self, first, text):
        if b" \n" in text or text.endswith(b" "):
            text = b"\n".join(map(_without_end, text.split(b"\n")))
        words, values = self._columns(text) or self._lines(first, text)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise DataError(
                f"{self._path}:{first + row}: the vector of "
                f"{_shown(words[row])} holds NaN or infinity."
            )
        return VectorBlock(first, words, values)

    def _columns(self, text):
        """Parses lines of one-field words; `None` if a line is different."""
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(text), self._read, self._parse, self._convert
            )
        except pa.ArrowInvalid:
            return None
        words, *numbers = table.columns
        words = words.to_pylist()
        # Arrow also ends lines at a lone carriage return.
        if len(words) != len(text.removesuffix(b"\n").split(b"\n")):
            return None
        if b"" in words:
            return None
        return words, np.stack([n.to_numpy() for n in numbers], axis=1)

    def _lines(self, first, text):
        lines = text.removesuffix(b"\n").split(b"\n")
        words = []
        values = np.empty((len(lines), self._dim), np.float32)
        for row, line in enumerate(lines):
            line = _without_end(line)
            parts = _split(line, self._dim)
            if parts is None:
                raise self._fault(first + row, line)
            words.append(parts[0])
            values[row] = parts[1]
        return words, values

    def _fault(self, number, line):
        width = _width(line)
        if number == 1 and width > 1:
            require_width(f"{self._path}:{number}", width, self._dim)
        text = (
            f"{self._path}:{number}: must be a word and {self._dim} numbers, "
            f"parted by single spaces. Found: {_shown(line)}."
        )
        if not _is_text(line):
            text += (
                " Vectors in a binary format must be saved as text first, "
                "packed ones with gzip or not at all."
            )
        return DataError(text)


def _split(line, dim):
    """Splits a line into word and numbers; `None` if it is malformed."""
    word, *numbers = line.rsplit(b" ", dim)
    # A word that ends in numbers is the beginning of a longer vector.
    if len(numbers) != dim or not word or _width(word) == word.count(b" ") > 0:
        return None
    try:
        return word, np.array(numbers).astype(np.float32)
    except ValueError:
        return None


def _width(line):
    """Counts the numbers at the end of a line, after its first field."""
    fields = line.split(b" ")[1:]
    width = 0
    while width < len(fields) and _is_number(fields[-1 - width]):
        width += 1
    return width


def _is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return True


def _is_text(line):
    try:
        return b"\0" not in line and line.decode() is not None
    except UnicodeDecodeError:
        return False


def _without_end(line):
    return line.rstrip(b" \r")


def _shown(line):
    text = line[:_SHOWN_BYTES].decode(errors="replace")
    return repr(text + "..." if len(line) > _SHOWN_BYTES else text)


class VectorArray:
    """The rows of a `.npy` file, read by memory map.

    A file next to `vectors.npy` names the word of each row: `vectors.txt` (a
    word a line) or `vectors.json` (`{"word": row}`). Without such a file, row
    `i` is the vector of id `i`.

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

    def __init__(self, path: str | os.PathLike[str], dim: int):
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
        # Numbers beyond float32 become infinite, which is an error below.
        with np.errstate(over="ignore"):
            values = self._values[rows].astype(np.float32)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = rows.start + int(np.argmin(finite))
            raise DataError(f"{self._path}: row {row} holds NaN or infinity.")
        return values

    def require_rows(self, vocab_size: int, side: str) -> None:
        """Raises `DataError` unless there is a row for each id of a side."""
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
