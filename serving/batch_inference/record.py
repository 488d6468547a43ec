"""One record's ids and texts, or why it has none."""

import json
import reprlib
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

_INT64 = range(2**63)


class BadRecord(ValueError):
    """A record that cannot be answered; the message says why."""


def parse_record(
    line: bytes, sides: Sequence[str], text_sides: Collection[str] = ()
) -> dict[str, list[int] | str]:
    """Reads the sides of a line of JSON Lines.

    Args:
        line: The line; bytes that are no UTF-8 are read as U+FFFD.
        sides: Names of the sides that the record must have; it may have
            other keys.
        text_sides: Those of them that are texts. Defaults to none.

    Raises:
        BadRecord: If it is no such record.

    Example:
    >>> parse_record(b'{"in0": [6, 17], "label": 1}', ["in0"])
    {'in0': [6, 17]}
    """
    if not line.strip():
        raise BadRecord("no JSON: the line is blank")
    try:
        # Objects become tuples of pairs, which keep repeated names.
        content = json.loads(
            line.decode("utf-8", "replace"), object_pairs_hook=tuple
        )
    except json.JSONDecodeError as error:
        raise BadRecord(
            f"no JSON: {error.msg} at column {error.colno}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise BadRecord(f"no JSON that can be read: {error}") from None
    if not isinstance(content, tuple):
        raise BadRecord(f"no JSON object: the line is {reprlib.repr(content)}")
    names = [name for name, _ in content]
    for side in sides:
        if names.count(side) > 1:
            raise BadRecord(f'"{side}" is there {names.count(side)} times')
    return checked_sides(dict(content), sides, text_sides)


def checked_sides(
    record: Mapping[str, object],
    sides: Sequence[str],
    text_sides: Collection[str] = (),
) -> dict[str, list[int] | str]:
    """Returns a record's sides.

    Raises:
        BadRecord: If one is absent, no list of ids, or no text.

    Example:
    >>> checked_sides({"in0": [1, -3]}, ["in0"])
    Traceback (most recent call last):
        ...
    serving.batch_inference.record.BadRecord: "in0" holds -3; ids count from 0
    """
    absent = [side for side in sides if record.get(side) is None]
    if absent:
        raise BadRecord(f'no "{absent[0]}"')
    return {
        side: (_text if side in text_sides else _ids)(side, record[side])
        for side in sides
    }


def _text(side, value):
    if not isinstance(value, str):
        raise BadRecord(
            f'"{side}" is no text, such as "a dog": {reprlib.repr(value)}'
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRecord(
            f'"{side}" holds what UTF-8 cannot: {reprlib.repr(value)}'
        ) from None
    return value


def _ids(side, value):
    if not isinstance(value, list):
        raise BadRecord(
            f'"{side}" is no list of ids, such as [774, 14]; a single token '
            f"is a list of one: {reprlib.repr(value)}"
        )
    if not value:
        raise BadRecord(f'"{side}" is empty')
    for item in value:
        if type(item) is not int:
            raise BadRecord(
                f'"{side}" holds {reprlib.repr(item)}; ids are integers'
            )
        if item < 0:
            raise BadRecord(f'"{side}" holds {item}; ids count from 0')
        if item not in _INT64:
            raise BadRecord(f'"{side}" holds {item}, which int64 cannot')
    return value
