"""The lines of a text and where they stand, found without a Python loop."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NEWLINE, _RETURN, _OPENING, _CLOSING = b"\n\r{}"
_BLANK = np.zeros(256, bool)
_BLANK[list(b" \t\r")] = True


def whole_lines(stream: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    """Yields the lines of a text, many at a time, no byte order mark.

    Args:
        stream: The text, decompressed.
        chunk_bytes: int. Bytes read at a time; a longer line is still read
            whole.
    """
    rest = stream.read(len(_BYTE_ORDER_MARK))
    rest = b"" if rest == _BYTE_ORDER_MARK else rest
    begun = [rest]  # joined once, however many blocks a line is long
    while block := stream.read(chunk_bytes):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, block[:end]])
            begun = []
        begun.append(block[end:])
    if rest := b"".join(begun):
        yield rest


def numbered(texts: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    r"""Yields texts of whole lines, each with the number of its first line.

    Example:
    >>> list(numbered([b"a\nb\n", b"c"]))
    [(b'a\nb\n', 1), (b'c', 3)]
    """
    number = 1
    for text in texts:
        yield text, number
        number += text.count(b"\n")


@dataclasses.dataclass(frozen=True, eq=False)
class TextLines:
    r"""Lines of a text that are not blank, without the blanks around them.

    Args:
        text: bytes. The text that all lines are part of.
        starts: int64 array of shape `(lines,)`. First byte of each line.
        ends: int64 array of shape `(lines,)`. Byte after the last.
        numbers: int64 array of shape `(lines,)`. Line number in the file.
        braced: bool array of shape `(lines,)`. Whether the line begins with
            `{`, ends with `}` and has no carriage return inside.

    Example:
    >>> lines = TextLines.scan(b'{"in0": [1]}\r\n\n[2] \n', first_number=10)
    >>> lines.numbers, lines.record(1), lines.braced
    (array([10, 12]), '[2]', array([ True, False]))
    """

    text: bytes
    starts: np.ndarray
    ends: np.ndarray
    numbers: np.ndarray
    braced: np.ndarray

    @classmethod
    def scan(cls, text: bytes, first_number: int) -> "TextLines":
        r"""Finds the lines of a text.

        Args:
            text: bytes. Whole lines, with `\n` or `\r\n` between them.
            first_number: int. Number of the first line.
        """
        data = np.frombuffer(text, np.uint8)
        breaks = np.flatnonzero(data == _NEWLINE)
        starts, ends = np.append(0, breaks + 1), np.append(breaks, len(text))
        _strip(data, starts, ends)
        rows = np.flatnonzero(starts < ends)
        starts, ends = starts[rows], ends[rows]
        braced = data[starts] == _OPENING
        braced &= data[ends - 1] == _CLOSING
        braced &= ~_holds_return(text, data, starts, ends)
        return cls(text, starts, ends, first_number + rows, braced)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows):
        return TextLines(
            self.text,
            self.starts[rows],
            self.ends[rows],
            self.numbers[rows],
            self.braced[rows],
        )

    @property
    def span(self) -> memoryview:
        """The text from the first line to the last."""
        return memoryview(self.text)[self.starts[0] : self.ends[-1]]

    def record(self, row: int) -> str:
        """The text of one line; bytes that are not UTF-8 become U+FFFD."""
        line = self.text[self.starts[row] : self.ends[row]]
        return line.decode("utf-8", "replace")


def _strip(data, starts, ends):
    """Moves starts and ends past blanks, in place."""
    rows = np.flatnonzero(starts < ends)
    while (rows := rows[_BLANK[data[starts[rows]]]]).size:
        starts[rows] += 1
        rows = rows[starts[rows] < ends[rows]]
    rows = np.flatnonzero(starts < ends)
    while (rows := rows[_BLANK[data[ends[rows] - 1]]]).size:
        ends[rows] -= 1


def _holds_return(text, data, starts, ends):
    holds = np.zeros(len(starts), bool)
    if b"\r" in text and len(starts):
        returns = np.flatnonzero(data == _RETURN)
        rows = np.searchsorted(starts, returns, side="right") - 1
        inside = (rows >= 0) & (returns < ends[rows])
        holds[rows[inside]] = True
    return holds
