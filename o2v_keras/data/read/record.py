"""Columns, what may be wrong with a record, and the parser of JSON records."""

import json
import math
import re
import reprlib
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from o2v_keras.data.pair_columns import OPTIONAL_WEIGHT

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_INT64 = range(-(2**63), 2**63)


class Column(NamedTuple):
    """A column of a file, or a field of its records.

    Args:
        name: str. As the file calls it.
        kind: str. What it holds: `"ids"` (a list of ids, or an id alone),
            `"text"`, `"number"` or `"json"` (anything, as a JSON text).
        default: float. The number of a record without such a field, and of
            all rows of a file without such a column. Defaults to `None`: it
            must be there.
    """

    name: str
    kind: str
    default: float | None = None


class Fault(NamedTuple):
    """One reason why a record cannot be used.

    Args:
        field: str. `"record"`, `"in0"`, `"in1"`, `"label"` or `"weight"`.
        kind: str. The kind of trouble; the same words for the same trouble.
        what: str. What was found in this record.
    """

    field: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.field}: {self.kind}: {self.what}"


ADVICE = {
    "malformed JSON": "Write one complete JSON object on each line.",
    "no such Example": (
        'Write a tf.train.Example with int64 lists "in0" and "in1" and one '
        'number in the float list "label", as o2v convert does.'
    ),
    "no JSON object": (
        'Write each line as {"in0": [6, 17], "in1": [16, 21], "label": 1}.'
    ),
    "repeated": "Name each field once in a record.",
    "missing": "Every record needs a value here, and null is none.",
    "no UTF-8": "Write the file as UTF-8.",
    "wrong number of fields": (
        "Every record needs as many fields as the first line. In CSV a text "
        "with commas, quotes or line breaks stands in quotes, and a quote in "
        "it is written twice; in TSV nothing is quoted, and a text has "
        "neither tabs nor line breaks."
    ),
    "broken quoting": (
        "Put a text with commas, quotes or line breaks in quotes, and write "
        "each quote in it twice."
    ),
    "open quote": (
        "Close the quote, or write it twice and in quotes if it is a part of "
        "the text. If the text is meant to hold these lines, give the data "
        "as JSON Lines or Parquet."
    ),
    "line break in a category": (
        "Each category is a line of the vocabulary's file. Write a blank in "
        "place of the line break."
    ),
    "no text": "Write the text as one string.",
    "ids in place of a text": (
        "A side with a tokenizer takes texts. Leave `enc0_tokenizer` (of in1 "
        "`enc1_tokenizer`) empty where a side holds ids."
    ),
    "a text in place of ids": (
        "To make ids of texts set `enc0_tokenizer` (for in1 "
        '`enc1_tokenizer`), such as to "words". Ids are whole numbers.'
    ),
    "no list": "Write a sequence as a list of ids, such as [5, 8].",
    "non-integer id": "Write ids as integers: 12, not 12.0 or a word.",
    "id beyond 64 bits": "Ids count from 0; map your keys to 0, 1, 2, ...",
    "no number": (
        "Labels must be numbers: a class as 0, 1, 2, ..., or a value to be "
        "predicted; and so must weights, or else `PairColumns(weight=None)` "
        '(`--weight-column ""`) leaves a field of that name alone. In JSON '
        "they have no quotes."
    ),
    "not finite": "Write a finite number, or drop the record.",
}

WEIGHT = Column(OPTIONAL_WEIGHT, "number", default=1.0)


def column_hint(fields: Iterable[str]) -> str:
    """Returns a hint how to name a column, or to do without labels.

    Example:
    >>> column_hint(["in0"])
    '. Name the column that it is by `--in0-column` (`PairColumns(in0=...)`)'
    """
    sides = [field for field in fields if field in ("in0", "in1")]
    if sides:
        return (
            f". Name the column that it is by `--{sides[0]}-column` "
            f"(`PairColumns({sides[0]}=...)`)"
        )
    if "label" not in fields:
        return ""
    return (
        '. If every row is a positive, say `--label-column ""` '
        "(`PairColumns(label=None)`)"
    )


def parse_record(
    record: str, columns: Mapping[str, Column]
) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    """Reads some fields of one JSON record.

    Args:
        record: str. The text of a line; a byte that is not UTF-8 stands in it
            as Python's `surrogateescape` writes it.
        columns: Name of the fault's field -> `Column`.

    Returns:
        The fields that are there or have a default, by `columns`' names, ids
        always in a list; and the faults, at most one for a field. Both are
        empty when the record is too deep or has too many digits for Python.

    Example:
    >>> columns = {"in0": Column("plot", "text"), "in1": Column("film", "ids")}
    >>> parse_record('{"plot": "A dog.", "film": 7}', columns)
    ({'in0': 'A dog.', 'in1': [7]}, ())
    >>> _, faults = parse_record('{"plot": "A dog."}', columns)
    >>> print(faults[0])
    in1: missing: no "film"
    """
    try:
        # Objects become tuples of pairs, which keep repeated names.
        content = json.loads(record, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        return {}, (Fault("record", "malformed JSON", _syntax(error)),)
    except (RecursionError, ValueError):
        return {}, ()
    if not isinstance(content, tuple):
        # As it is written: the parsed value holds objects as tuples.
        text = record.strip()
        what = f"the line is {text if len(text) <= 60 else text[:60] + '...'}"
        return {}, (Fault("record", "no JSON object", what),)
    names, content = [name for name, _ in content], dict(content)
    values, faults = {}, []
    for field, column in columns.items():
        name, value = column.name, content.get(column.name)
        if names.count(name) > 1:
            what = f'"{name}" is there {names.count(name)} times'
            faults.append(Fault(field, "repeated", what))
        elif name not in content and column.default is not None:
            values[field] = column.default
        elif value is None:
            faults.append(missing(field, column))
        else:
            if column.kind == "ids" and type(value) is int:
                value = [value]
            check = _CHECKS[column.kind]
            try:
                faults.extend(check(field, name, value))
                values[field] = (
                    as_json(value) if column.kind == "json" else value
                )
            except RecursionError:
                return {}, ()
    return values, tuple(faults)


def missing(field: str, column: Column) -> Fault:
    """The fault of a record without a value, or with null, in a column."""
    return Fault(field, "missing", f'no "{column.name}"')


def as_json(value: Any) -> str | None:
    """Writes a value for a column of the kind `"json"`; null stays null.

    What JSON knows not, such as a date, becomes an object that names its
    type.

    Example:
    >>> as_json([7, "ä"]), as_json(None)
    ('[7, "ä"]', None)
    """
    return (
        None
        if value is None
        else json.dumps(
            value,
            ensure_ascii=False,
            default=lambda other: {type(other).__name__: str(other)},
        )
    )


def _syntax(error):
    if error.msg == "Extra data":
        return f"more text after the record, at column {error.colno}"
    return f"{error.msg}, at column {error.colno}"


def _id_faults(field, name, ids):
    if isinstance(ids, str):
        what = f"{name}={reprlib.repr(ids)}"
        yield Fault(field, "a text in place of ids", what)
        return
    if not isinstance(ids, list):
        yield Fault(field, "no list", f"{name}={reprlib.repr(ids)}")
        return
    for position, id_ in enumerate(ids):
        # `True` is an int to Python.
        if type(id_) is int and id_ in _INT64:
            continue
        whole = type(id_) is int
        kind = "id beyond 64 bits" if whole else "non-integer id"
        yield Fault(field, kind, f"{name}[{position}]={reprlib.repr(id_)}")
        return


def _text_faults(field, name, text):
    what = f"{name}={reprlib.repr(text)}"
    if isinstance(text, str):
        if _HALF_CHARACTER.search(text):
            yield Fault(field, "no UTF-8", what)
        return
    ids = text if isinstance(text, list) and text else [text]
    is_ids = all(type(id_) is int for id_ in ids)
    yield Fault(field, "ids in place of a text" if is_ids else "no text", what)


def _number_faults(field, name, number):
    what = f"{name}={reprlib.repr(number)}"
    if type(number) not in (int, float):
        yield Fault(field, "no number", what)
    elif _is_infinite(number):
        yield Fault(field, "not finite", what)


def _is_infinite(number):
    """Whether float64 cannot hold a number, or it is `Infinity`."""
    try:
        return math.isinf(number)
    except OverflowError:
        return True


def _json_faults(field, name, value):
    if _HALF_CHARACTER.search(json.dumps(value, ensure_ascii=False)):
        what = f"{name}={reprlib.repr(value)}"
        yield Fault(field, "no UTF-8", what)


_CHECKS = {
    "ids": _id_faults,
    "text": _text_faults,
    "number": _number_faults,
    "json": _json_faults,
}
