"""JSON Lines that all have one plain layout, parsed without a loop over them.

Files of pairs are mostly written by one program, so that a line differs from
the next in its numbers alone: `{"label": 1, "in0": [6, 17], "in1": [16]}`.
The first line shows the text around the numbers. Where all others have it
too, and nothing but whole numbers and commas between, digits are all there is
to parse. Any other text is left to a general parser.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from o2v_keras.data.files.text_lines import TextLines
from o2v_keras.data.sequences import Sequences

_SLOT = re.compile(
    rb"(?<=\[)[0-9, ]*(?=\])"  # between the brackets of a list
    rb"|(?<=[: ])[0-9]+(?:\.[0-9]+)?(?=[ ,}])"  # a single number
)
_RUN = re.compile(rb"[0-9]+")
_ZERO, _COMMA, _SPACE, _POINT = b"0, ."
_LONGEST = 16
# Both below 10^15, an integer divided by a power of ten is rounded once, so
# it is the float64 nearest to the decimal number.
_DECIMAL_DIGITS = 15
_POWERS = 10 ** np.arange(_DECIMAL_DIGITS + 1)


def parse_plain_lines(
    lines: TextLines, sides: Sequence[str], label: bool
) -> dict[str, Sequences | np.ndarray] | None:
    r"""Parses lines of plain layout; says of others only that they are not.

    Plain are lines that agree in all but the digits in them and the lengths
    of their lists, with ids, labels and weights of 0 or more and at most 16
    digits (15 where there is a decimal point), and a comma and at most one
    space between ids.

    Args:
        lines: `TextLines`.
        sides: Names of the sides to read.
        label: bool. Whether to read labels, and weights where there are some.

    Returns:
        `Sequences` for each side, and float64 `(lines,)` as `"label"` if
        asked for, and as `"weight"` if the lines have weights; `None` if one
        of the lines is not plain.

    Example:
    >>> lines = TextLines.scan(b'{"in0": [6, 17]}\n{"in0": []}\n', 1)
    >>> parse_plain_lines(lines, ["in0"], label=False)["in0"].lengths
    array([2, 0])
    """
    if not len(lines) or not lines.braced.all():
        return None
    layout = _Layout.of(lines.text[lines.starts[0] : lines.ends[0]])
    wanted = dict.fromkeys(sides, True) | ({"label": False} if label else {})
    if layout is not None and label and "weight" in layout.names:
        wanted["weight"] = False
    if layout is None or not wanted.items() <= layout.slots.items():
        return None
    try:
        return _parse(lines, layout, wanted)
    except _NotPlain:
        return None


class _NotPlain(Exception):
    pass


class _Layout(NamedTuple):
    """The text around the numbers of a line.

    Args:
        literals: The texts before, between and after the slots.
        slots: For the name of each slot whether it holds a list.
        names: Names of all fields.
    """

    literals: list[bytes]
    slots: dict[str, bool]
    names: frozenset[str]

    @classmethod
    def of(cls, line):
        """The layout of a line, or `None` if it has none that is plain."""
        literals = _SLOT.split(line)
        slot = object()
        try:
            fields = json.loads(
                b"NaN".join(literals).decode("ascii"),
                parse_constant=lambda constant: slot,
                object_pairs_hook=tuple,
            )
        except (ValueError, RecursionError):
            return None
        slots = {n: v is not slot for n, v in fields if v in (slot, [slot])}
        is_plain = (
            len(slots) + 1 == len(literals)
            and len(dict(fields)) == len(fields)
            and b"\\" not in line
        )
        names = frozenset(dict(fields))
        return cls(literals, slots, names) if is_plain else None


def _parse(lines, layout, wanted):
    digits = _Digits(np.frombuffer(lines.text, np.uint8))
    places, runs = lines.starts, digits.runs_from(lines.starts)
    spans = {}
    names = [*layout.slots, None]
    for literal, name in zip(layout.literals, names, strict=True):
        places = _past(digits.data, places, literal)
        runs = runs + len(_RUN.findall(literal))
        if name is not None:
            find = digits.list_ends if layout.slots[name] else digits.ends
            past, places = find(runs, places)
            spans[name], runs = (runs, past), past
    if (places != lines.ends).any():
        raise _NotPlain
    return {
        name: digits.ids(*spans[name])
        if is_list
        else digits.decimals(*spans[name])
        for name, is_list in wanted.items()
    }


def _past(data, places, literal):
    """Returns the places after a literal that must stand at all of them."""
    if places[-1] + len(literal) > len(data):
        raise _NotPlain
    if (_windows(data, len(literal))[places] != literal).any():
        raise _NotPlain
    return places + len(literal)


def _windows(data, width):
    """The bytes from every place on, `width` of them, without a copy."""
    count = max(len(data) - width + 1, 0)
    return np.ndarray((count,), f"S{width}", data, strides=(1,))


class _Digits:
    """The runs of digits in a text that neither begins nor ends with one."""

    def __init__(self, data):
        self.data = data
        is_digit = data - _ZERO < 10  # smaller bytes wrap around
        edges = np.flatnonzero(is_digit[1:] != is_digit[:-1]) + 1
        starts, self._ends = edges.reshape(-1, 2).T.copy()
        self._lengths = self._ends - starts
        self._starts = np.append(starts, -1)  # one more, which is nowhere
        self._refuse_leading_zeros()
        ends = self._ends[:-1]
        gaps = starts[1:] - ends
        spaced = (gaps == 2) & (data[ends + 1] == _SPACE)
        follows = (data[ends] == _COMMA) & (spaced | (gaps == 1))
        # The last run of each series of runs with commas between.
        self._last = np.append(np.flatnonzero(~follows), len(gaps))

    def runs_from(self, places):
        """Numbers of the first runs at or after places."""
        return np.searchsorted(self._starts[:-1], places)

    def list_ends(self, runs, places):
        """Lists of `runs` at `places`: the runs past them and their ends."""
        filled = self._begin_at(runs, places)
        last = self._last[np.searchsorted(self._last, runs[filled])]
        past, ends = runs.copy(), places.copy()
        past[filled] = last + 1
        ends[filled] = self._ends[last]
        return past, ends

    def ends(self, runs, places):
        """Numbers of one or two runs: the runs past them and their ends."""
        if not self._begin_at(runs, places).all():
            raise _NotPlain
        ends = self._ends[runs]
        pointed = self.data[ends] == _POINT
        past = runs + 1 + pointed
        if not self._begin_at(past[pointed] - 1, ends[pointed] + 1).all():
            raise _NotPlain
        return past, self._ends[past - 1]

    def ids(self, first, past):
        lengths = past - first
        before = np.cumsum(lengths) - lengths
        runs = np.repeat(first - before, lengths)
        runs += np.arange(runs.size)  # (ids,)
        return Sequences.from_lengths(self._values(runs), lengths)

    def decimals(self, first, past):
        numbers = self._values(first)
        pointed = past - first == 2
        if not pointed.any():
            return numbers.astype(np.float64)
        whole = first[pointed]
        places = self._lengths[whole + 1]
        if (self._lengths[whole] + places).max() > _DECIMAL_DIGITS:
            raise _NotPlain
        scale = _POWERS[places]
        decimals = numbers[pointed] * scale + self._values(whole + 1)
        numbers = numbers.astype(np.float64)
        numbers[pointed] = decimals / scale
        return numbers

    def _refuse_leading_zeros(self):
        starts = self._starts[:-1]
        led = (self.data[starts] == _ZERO) & (self._lengths > 1)
        if (self.data[starts[led] - 1] != _POINT).any():
            raise _NotPlain

    def _begin_at(self, runs, places):
        if runs.max(initial=0) >= len(self._starts):
            raise _NotPlain
        return self._starts[runs] == places

    def _values(self, runs):
        """The numbers that the given runs write, int64."""
        ends, lengths = self._ends[runs], self._lengths[runs]
        longest = lengths.max(initial=0)
        if longest <= 8:
            return self._last_digits(ends, lengths)
        if longest > _LONGEST:
            raise _NotPlain
        values = self._last_digits(ends, np.minimum(lengths, 8))
        long = np.flatnonzero(lengths > 8)
        high = self._last_digits(ends[long] - 8, lengths[long] - 8)
        values[long] += high * 10**8
        return values

    def _last_digits(self, ends, count):
        """The numbers that at most 8 digits before `ends` write, int64.

        The 8 bytes before an end are one integer, whose bytes then become
        pairs of digits, fours and one eight, all at once:
        https://lemire.me/blog/2018/10/03/quickly-parsing-eight-digits/
        """
        bytes_ = _windows(self.data, 8)[ends - 8].view("<u8")
        others = (64 - 8 * count).view(np.uint64)
        bytes_ >>= others
        bytes_ <<= others  # zeros in place of what stands before the number
        bytes_ &= 0x0F0F0F0F0F0F0F0F
        bytes_ *= 10 * 2**8 + 1
        bytes_ >>= 8
        bytes_ &= 0x00FF00FF00FF00FF
        bytes_ *= 100 * 2**16 + 1
        bytes_ >>= 16
        bytes_ &= 0x0000FFFF0000FFFF
        bytes_ *= 10_000 * 2**32 + 1
        bytes_ >>= 32
        return bytes_.view(np.int64)
