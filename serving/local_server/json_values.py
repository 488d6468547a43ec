"""Values of a request's JSON, and how TF Serving's errors name them."""

import base64
import binascii
import itertools
import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np

from serving.errors import invalid_argument
from serving.local_server.json_answers import number_texts

_MAX_TEXT = 256

_TYPE_NAMES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def _first_of_each(members):
    found = dict(members)
    return found if len(found) == len(members) else dict(reversed(members))


# Of several members with one name the first counts.
DECODER = json.JSONDecoder(object_pairs_hook=_first_of_each)


class LongList:
    """A JSON list of which most is kept as text, to be read in chunks.

    Values of one digit take 10 times their text as Python's objects, lists of
    one number 26 times.

    Args:
        check: Called before a chunk is read; may raise.

    Example:
    >>> values = LongList(lambda: None)
    >>> values.append([1])
    >>> values.append_text("2, [3], ")
    >>> list(values), len(values)
    ([[1], 2, [3]], 3)
    """

    __slots__ = ("_check", "_length", "_pieces")

    def __init__(self, check: Callable[[], None]):
        self._check = check
        self._pieces: list[list[Any] | str] = []
        self._length: int | None = None

    def append(self, value):
        """Adds one value."""
        self.extend([value])

    def extend(self, values: list[Any]):
        """Adds values."""
        if self._pieces and isinstance(self._pieces[-1], list):
            self._pieces[-1].extend(values)
        else:
            self._pieces.append(values)

    def append_text(self, text: str):
        """Adds values as text, each with a comma behind it."""
        self._pieces.append(text)

    def shortened(self) -> "list[Any] | LongList":
        """Returns a plain list if none of it is text."""
        if not self._pieces:
            return []
        first, *others = self._pieces
        return self if others or isinstance(first, str) else first

    def chunks(self) -> Iterator[list[Any]]:
        """Yields the values as lists of at least one."""
        for piece in self._pieces:
            self._check()
            yield piece if isinstance(piece, list) else read_values(piece)

    def __iter__(self):
        return itertools.chain.from_iterable(self.chunks())

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(map(len, self.chunks()))
        return self._length

    def __getitem__(self, index):
        return next(itertools.islice(self, index, None))


def is_list(value) -> bool:
    """Says whether a value is a JSON list.

    Example:
    >>> is_list([]), is_list(LongList(lambda: None)), is_list({})
    (True, True, False)
    """
    return isinstance(value, (list, LongList))


def chunks(values: list[Any] | LongList) -> Iterator[list[Any]]:
    """Yields a list whole, a long one in chunks.

    Example:
    >>> list(chunks([1, 2]))
    [[1, 2]]
    """
    return values.chunks() if isinstance(values, LongList) else iter([values])


def read_values(text: str) -> list[Any]:
    """Reads values that have a comma behind each.

    Example:
    >>> read_values("1, [2], ")
    [1, [2]]
    """
    return DECODER.decode(f"[{text.rstrip()[:-1]}]")


def decode_base64(value) -> bytes:
    """Decodes `{"b64": text}`.

    Raises:
        tf.errors.InvalidArgumentError: If the value is another one or its
            text is not in base64.

    Example:
    >>> decode_base64({"b64": "dGY="})
    b'tf'
    """
    if not is_base64(value):
        text = value_text(value)
        raise invalid_argument(
            f"JSON Value: {text} not formatted correctly for base64 data"
        )
    # Padding may be missing, but not be wrong.
    text = "".join(value["b64"].split())
    body = text.rstrip("=")
    padding = -len(body) % 4
    if len(text) - len(body) not in (0, padding):
        raise invalid_argument("Unable to base64 decode")
    try:
        return base64.b64decode(body + padding * "=", validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def is_base64(value) -> bool:
    """Says whether a value is an object of just `b64` and a string.

    Example:
    >>> is_base64({"b64": "dGY="}), is_base64({"b64": 1})
    (True, False)
    """
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("b64"), str)
    )


def encode_text(text: str) -> bytes:
    """Returns the bytes that a JSON string stood for.

    Example:
    >>> encode_text("é") == bytes([0xC3, 0xA9])
    True
    """
    return text.encode("utf-8", "surrogateescape")


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
        yield number_texts(np.array(value, np.float64))[0]
    else:
        yield json.dumps(value, ensure_ascii=False, default=lambda _: [])


def _separators(first, others):
    return itertools.chain([first], itertools.repeat(others))
