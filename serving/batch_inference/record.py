"""One record's ids and texts, or why it has none."""

import json
import reprlib
from collections.abc import Collection
from collections.abc import Mapping

_INT64 = range(2**63)


class BadRecord(ValueError):
    """A record that cannot be answered; the message says why."""


def parse_record(
    line: bytes, columns: Mapping[str, str], text_sides: Collection[str] = ()
) -> dict[str, list[int] | str]:
    """Reads the sides of a line of JSON Lines.

    Args:
        line: The line; bytes that are no UTF-8 are read as U+FFFD.
        columns: Side -> the key that the record must have for it; there may
            be other keys.
        text_sides: Those of them that are texts. Defaults to none.

    Raises:
        BadRecord: If it is no such record.

    Example:
    >>> parse_record(b'{"user": [6, 17], "label": 1}', {"in0": "user"})
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
    for name in columns.values():
        if names.count(name) > 1:
            raise BadRecord(f'"{name}" is there {names.count(name)} times')
    return checked_sides(dict(content), columns, text_sides)


def checked_sides(
    record: Mapping[str, object],
    columns: Mapping[str, str],
    text_sides: Collection[str] = (),
) -> dict[str, list[int] | str]:
    """Returns a record's sides; the arguments are those of `parse_record`.

    Raises:
        BadRecord: If one is absent, no list of ids, or no text.

    Example:
    >>> checked_sides({"in0": [1, -3]}, {"in0": "in0"})
    Traceback (most recent call last):
        ...
    serving.batch_inference.record.BadRecord: "in0" holds -3; ids count from 0
    """
    absent = [name for name in columns.values() if record.get(name) is None]
    if absent:
        raise BadRecord(f'no "{absent[0]}"')
    return {
        side: (_text if side in text_sides else _ids)(name, record[name])
        for side, name in columns.items()
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
