"""What is wrong with one record that the fast reader refused."""

import json
import math
import reprlib
from collections.abc import Sequence
from typing import NamedTuple

_INT64 = range(-(2**63), 2**63)


class Fault(NamedTuple):
    """One reason why a record cannot be used.

    Args:
        field: str. `"record"`, `"in0"`, `"in1"` or `"label"`.
        kind: str. The kind of trouble; the same words for the same trouble.
        what: str. What was found in this record.
    """

    field: str
    kind: str
    what: str

    def __str__(self):
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
    "no list": "Write a sequence as a list of ids, a single token as [5].",
    "non-integer id": "Write ids as integers: 12, not 12.0 or a word.",
    "id beyond 64 bits": "Ids count from 0; map your keys to 0, 1, 2, ...",
    "no number": "Write the label as a number, without quotes.",
    "not finite": "Write the label as a finite number, or drop the record.",
}


def record_faults(
    record: str, sides: Sequence[str], label: bool
) -> tuple[Fault, ...]:
    """Lists the faults of one JSON record, as far as Python sees any.

    Args:
        record: str. The text of a line.
        sides: Names of the sides the record must have.
        label: Whether the record must have a label.

    Returns:
        tuple of `Fault`, at most one for a field. Empty when Python finds
        nothing wrong or cannot tell.

    Example:
    >>> for fault in record_faults('{"in0": [1.5]}', ["in0"], label=True):
    ...     print(fault)
    in0: non-integer id: in0[0]=1.5
    label: missing: no "label"
    """
    try:
        # Objects become tuples of pairs, which keep repeated names.
        content = json.loads(
            record,
            object_pairs_hook=tuple,
            parse_constant=lambda constant: math.nan,
        )
    except json.JSONDecodeError as error:
        return (Fault("record", "malformed JSON", _syntax(error)),)
    except (RecursionError, ValueError):
        # Too deep or with too many digits for Python, not for the reader.
        return ()
    if not isinstance(content, tuple):
        what = f"the line is {reprlib.repr(content)}"
        return (Fault("record", "no JSON object", what),)
    names, content = [name for name, _ in content], dict(content)
    fields = [*sides, *(["label"] if label else [])]
    faults = []
    for field in fields:
        if names.count(field) > 1:
            what = f'"{field}" is there {names.count(field)} times'
            faults.append(Fault(field, "repeated", what))
        elif content.get(field) is None:
            null = field in content
            what = f'"{field}" is null' if null else f'no "{field}"'
            faults.append(Fault(field, "missing", what))
        elif field == "label":
            faults.extend(_label_faults(content["label"]))
        else:
            faults.extend(_side_faults(field, content[field]))
    return tuple(faults)


def _syntax(error):
    if error.msg == "Extra data":
        return f"more text after the record, at column {error.colno}"
    return f"{error.msg}, at column {error.colno}"


def _side_faults(side, ids):
    if not isinstance(ids, list):
        yield Fault(side, "no list", f"{side}={reprlib.repr(ids)}")
        return
    for position, id_ in enumerate(ids):
        # `True` is an int to Python.
        if type(id_) is int and id_ in _INT64:
            continue
        whole = type(id_) is int
        kind = "id beyond 64 bits" if whole else "non-integer id"
        yield Fault(side, kind, f"{side}[{position}]={reprlib.repr(id_)}")
        return


def _label_faults(label):
    what = f"label={reprlib.repr(label)}"
    if type(label) not in (int, float):
        yield Fault("label", "no number", what)
    elif _overflows(label):
        yield Fault("label", "not finite", what)


def _overflows(number):
    """Whether float64 cannot hold a number that is written in digits.

    The reader takes a literal `NaN` or `Infinity`, which is NaN here, and
    leaves it to the check of the values.
    """
    try:
        return math.isinf(number)
    except OverflowError:
        return True
