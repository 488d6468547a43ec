"""JSON values in the words of TF Serving's errors."""

import itertools
import json
from collections.abc import Iterator

import numpy as np

from serving.local_server.long_list import is_list
from serving.local_server.number_text import number_text

_MAX_TEXT = 256

_TYPE_NAMES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def type_name(value) -> str:
    """Returns the name of a JSON value's type.

    Example:
    >>> type_name(True), type_name([]), type_name(1.5)
    ('True', 'Array', 'Number')
    """
    if isinstance(value, bool):
        return str(value)
    return _TYPE_NAMES.get(type(value), "Array")


def value_text(value) -> str:
    """Returns a JSON value as errors quote it.

    Args:
        value: What `read_json` makes of a value.

    Returns:
        Indented JSON, lists on one line, cut after 256 characters.

    Example:
    >>> value_text([1, None])
    '[1, null]'
    """
    # Only as many pieces are made as are wanted.
    text = ""
    for piece in _pieces(value, "\n"):
        text += piece
        if len(text) > _MAX_TEXT:
            return text[:_MAX_TEXT] + "..."
    return text


def _pieces(value, newline) -> Iterator[str]:
    deeper = newline + 4 * " "
    if is_list(value) and value:
        for start, item in zip(_separators("[", ", "), value, strict=False):
            yield start
            yield from _pieces(item, deeper)
        yield "]"
    elif isinstance(value, dict) and value:
        starts = _separators("{" + deeper, "," + deeper)
        for start, (name, item) in zip(starts, value.items(), strict=False):
            yield f"{start}{json.dumps(name, ensure_ascii=False)}: "
            yield from _pieces(item, deeper)
        yield newline + "}"
    elif isinstance(value, float):
        yield number_text(np.float64(value))
    else:
        yield json.dumps(value, ensure_ascii=False, default=lambda _: [])


def _separators(first, others):
    return itertools.chain([first], itertools.repeat(others))
