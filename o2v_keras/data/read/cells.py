"""Parses the cells of CSV and TSV files as ids, texts or numbers."""

import re
import reprlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.read.block import ARROW_TYPES
from o2v_keras.data.read.block import as_json_texts
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault

# Ids are separated by blanks, `,`, `;` or `|`, with brackets around them in
# lists of JSON, Python, NumPy and databases. Only brackets may hold line breaks
# (NumPy's do): elsewhere a line break means that a quote was left open.
_BARE, _BRACKETED = (
    rf"(-?[0-9]+(({blank}*[,;|]{blank}*|{blank}+)-?[0-9]+)*)?"
    for blank in (r"[ \t]", r"\s")
)
_IDS = rf"^[ \t]*({_BARE}|\[\s*{_BRACKETED}\s*\])[ \t]*$"
# Most cells: no more digits than int64 takes, a blank between two ids.
_PLAIN_IDS = r"^-?[0-9]{1,18}( -?[0-9]{1,18})*$"
_LONG_ID = r"[0-9]{19}"
_INTEGERS = r"^[-+0-9.eE \t,;|\[\]]*$"
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


def parse_cells(
    cells: pa.Array, column: Column, field: str
) -> tuple[pa.Array, dict[int, Fault]]:
    """Parses the cells of a column.

    Ids are separated by blanks, `,`, `;` or `|`, with or without brackets
    around them. An empty cell of ids is an empty list; an empty cell of a
    number is missing.

    Args:
        cells: Strings of shape `(rows,)`, none of them null.
        column: `Column` of the cells.
        field: Name of the field, for the faults.

    Returns:
        The values, of the type in `ARROW_TYPES`, null where there is a fault;
        and the faults by row.

    Example:
    >>> import pyarrow as pa
    >>> cells = pa.array(["7 8", "[3, 4]", "", "a dog"])
    >>> values, faults = parse_cells(cells, Column("film", "ids"), "in1")
    >>> values.to_pylist()
    [[7, 8], [3, 4], [], None]
    >>> print(faults[3])
    in1: a text in place of ids: film='a dog'
    """
    if column.kind == "text":
        return cells, {}
    if column.kind == "json":
        return as_json_texts(cells), {}
    find, parse = _KINDS[column.kind]
    if column.kind == "ids":
        plain = pc.match_substring_regex(cells, _PLAIN_IDS)
        if pc.all(plain).as_py():
            return pc.split_pattern(cells, " ").cast(ARROW_TYPES["ids"]), {}
    faults = {
        row: Fault(field, kind, f"{column.name}={reprlib.repr(text)}")
        for row, kind, text in find(cells)
    }
    if faults:
        sound = np.ones(len(cells), bool)
        sound[list(faults)] = False
        cells = pc.if_else(pa.array(sound), cells, pa.scalar(None, cells.type))
    return parse(cells), faults


def _parse_ids(texts):
    digits = pc.replace_substring_regex(texts, r"[\[\],;|]", " ")
    trimmed = pc.utf8_trim_whitespace(digits)
    parts = pc.utf8_split_whitespace(trimmed)
    # An empty text is one empty part.
    parts = pc.if_else(pc.equal(trimmed, ""), pa.scalar([], parts.type), parts)
    return parts.cast(ARROW_TYPES["ids"])


def _id_faults(texts) -> Iterator[tuple[int, str, str]]:
    good = pc.match_substring_regex(texts, _IDS)
    for row in np.flatnonzero(~np.array(good)).tolist():
        text = texts[row].as_py()
        numbers = pc.match_substring_regex(texts[row], _INTEGERS).as_py()
        kind = "non-integer id" if numbers else "a text in place of ids"
        yield row, kind, text
    long = pc.and_(good, pc.match_substring_regex(texts, _LONG_ID))
    for row in np.flatnonzero(np.array(long)).tolist():
        text = texts[row].as_py()
        ids = re.findall("-?[0-9]+", text)
        if any(not -(2**63) <= int(id_) < 2**63 for id_ in ids):
            yield row, "id beyond 64 bits", text


def _parse_numbers(texts):
    trimmed = pc.utf8_ltrim(pc.utf8_trim_whitespace(texts), "+")
    return trimmed.cast(pa.float64())


def _number_faults(texts) -> Iterator[tuple[int, str, str]]:
    good = pc.match_substring_regex(texts, _NUMBER)
    for row in np.flatnonzero(~np.array(good)).tolist():
        text = texts[row].as_py()
        yield row, "no number" if text.strip() else "missing", text


_KINDS = {
    "ids": (_id_faults, _parse_ids),
    "number": (_number_faults, _parse_numbers),
}
