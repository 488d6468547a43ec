"""The lines of a text and where they stand, found without a Python loop."""

import dataclasses

import numpy as np

_NEWLINE, _RETURN, _OPENING, _CLOSING = b"\n\r{}"
_BLANK = np.zeros(256, bool)
_BLANK[list(b" \t\r")] = True


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

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, rows):
        return TextLines(
            self.text,
            self.starts[rows],
            self.ends[rows],
            self.numbers[rows],
            self.braced[rows],
        )

    def compact(self) -> "TextLines":
        """Returns the same lines with a text that holds no others."""
        pairs = zip(self.starts, self.ends, strict=True)
        text = b"\n".join(self.text[start:end] for start, end in pairs)
        lengths = self.ends - self.starts
        ends = np.cumsum(lengths + 1) - 1
        return TextLines(text, ends - lengths, ends, self.numbers, self.braced)

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
