"""Values that are written as text, as in CSV."""

import re
import reprlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Between ids: blanks, or one of these, and around all of them brackets, as
# JSON, Python, NumPy and databases write lists. Only brackets hold line breaks
# (NumPy's do): elsewhere one means that a quote was left open.
_BARE, _BRACKETED = (
    rf"(-?[0-9]+(({blank}*[,;|]{blank}*|{blank}+)-?[0-9]+)*)?"
    for blank in (r"[ \t]", r"\s")
)
_IDS = rf"^[ \t]*({_BARE}|\[\s*{_BRACKETED}\s*\])[ \t]*$"
_LONG_ID = r"[0-9]{19}"
_INTEGERS = r"^[-+0-9.eE \t,;|\[\]]*$"
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


class WrittenValues(NamedTuple):
    """How a kind of value is written.

    Args:
        parse: Makes values of texts without faults.
        faults: Yields row, kind of trouble and what was found, of texts.
    """

    parse: Callable[[pa.Array], pa.Array]
    faults: Callable[[pa.Array], Iterator[tuple[int, str, str]]]


def _parse_ids(texts):
    digits = pc.replace_substring_regex(texts, r"[\[\],;|]", " ")
    trimmed = pc.utf8_trim_whitespace(digits)
    parts = pc.utf8_split_whitespace(trimmed)
    # An empty text is one empty part.
    parts = pc.if_else(pc.equal(trimmed, ""), pa.scalar([], parts.type), parts)
    return parts.cast(pa.list_(pa.int64()))


def _id_faults(texts):
    good = pc.match_substring_regex(texts, _IDS)
    for row in np.flatnonzero(~np.array(good)):
        text = texts[row].as_py()
        numbers = pc.match_substring_regex(texts[row], _INTEGERS).as_py()
        kind = "non-integer id" if numbers else "a text in place of ids"
        yield row, kind, reprlib.repr(text)
    long = pc.and_(good, pc.match_substring_regex(texts, _LONG_ID))
    for row in np.flatnonzero(np.array(long)):
        text = texts[row].as_py()
        ids = re.findall("-?[0-9]+", text)
        if any(not -(2**63) <= int(id_) < 2**63 for id_ in ids):
            yield row, "id beyond 64 bits", reprlib.repr(text)


def _parse_numbers(texts):
    trimmed = pc.utf8_ltrim(pc.utf8_trim_whitespace(texts), "+")
    return trimmed.cast(pa.float64())


def _number_faults(texts):
    good = pc.match_substring_regex(texts, _NUMBER)
    for row in np.flatnonzero(~np.array(good)):
        text = texts[row].as_py()
        kind = "no number" if text.strip() else "missing"
        yield row, kind, reprlib.repr(text)


WRITTEN_VALUES = {
    "text": WrittenValues(lambda texts: texts, lambda texts: ()),
    "ids": WrittenValues(_parse_ids, _id_faults),
    "id or ids": WrittenValues(_parse_ids, _id_faults),
    "number": WrittenValues(_parse_numbers, _number_faults),
}
