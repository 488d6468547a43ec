"""Reads a request's JSON as TF Serving's parser, rapidjson 1.1.0, does."""

import json
import math
import re

from serving.local_server.errors import invalid_argument
from serving.local_server.limits import MAX_NESTING

# What stands for a list or object below the deepest level that is kept.
TOO_DEEP = object()

# The C++ server takes 500,000 levels; deeper ones only cost memory here.
_MAX_DEPTH = 500_000

# Where Python's parser is more lenient: exponents that may overflow, and
# escapes that may be half of a surrogate pair.
_SUSPECT = re.compile(r"[eE]\+?\d{3}|\\u[dD][89a-fA-F]")

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"null|true|false")
_NOT_FINITE = re.compile(r"(-?)(NaN|Inf(?:inity)?)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]*)?")
# Numbers in a list that Python's parser reads as the C++ one, which is fast.
_PLAIN_NUMBERS = re.compile(
    r"(?:-?(?:0|[1-9][0-9]{0,16})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?"
    r"[ \t\n\r]*,[ \t\n\r]*)+"
)
_PAIRED_ESCAPES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?![dD][89a-fA-F])|\\[^u]"
)
_WORDS = {"null": None, "true": True, "false": False}
_STRING_FAULTS = {
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}


def read_json(body: bytes) -> dict:
    """Reads a request body.

    `NaN`, `Inf` and `Infinity` are numbers, text behind the closing brace is
    ignored, and of several members with one name the first counts. Bytes that
    are not UTF-8 become surrogate escapes (PEP 383).

    Args:
        body: The body as it came, gzip undone.

    Returns:
        The object. `int` and `float` tell whether a number was written with a
        fraction or exponent; what lies deeper than 1,000 levels is
        `TOO_DEEP`.

    Raises:
        tf.errors.InvalidArgumentError: If it is no JSON.

    Example:
    >>> read_json(b'{"instances": [1, 2.0, -Inf]} and more')
    {'instances': [1, 2.0, -inf]}
    """
    if not body:
        raise _fault("The document is empty")
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if not _SUSPECT.search(text):
        try:
            return _FAST.raw_decode(text, _SPACE.match(text).end())[0]
        except (ValueError, RecursionError):
            # Only the slow reader knows where and why, or goes that deep.
            pass
    return _Reader(text).read()


def _first_of_each(members):
    found = dict(members)
    return found if len(found) == len(members) else dict(reversed(members))


_FAST = json.JSONDecoder(object_pairs_hook=_first_of_each)


class _Reader:
    """A reader with a stack of its own, so that depth costs only memory."""

    def __init__(self, text):
        # The C++ parser takes a NUL for the end.
        self._text = text.partition("\0")[0]
        self._position = 0
        self._document = []
        # Open lists and objects, `None` for those too deep to be kept, with
        # the character that closes each.
        self._stack = [(self._document, "")]
        self._name = ""

    def read(self):
        first = self._value("The document is empty.")
        while len(self._stack) > 1:
            container, closer = self._stack[-1]
            if self._peek() == closer:
                self._position += 1
                self._stack.pop()
                first = False
                continue
            if not first:
                kind = "object member" if closer == "}" else "array element"
                self._take(",", f"Missing a comma or {closer} after an {kind}.")
            if closer == "}":
                self._read_name()
            elif container is not None:
                self._read_plain_numbers(container)
            first = self._value("Invalid value.")
        return self._document[0]

    def _read_plain_numbers(self, container):
        self._peek()
        if match := _PLAIN_NUMBERS.match(self._text, self._position):
            numbers = match.group().rstrip()[:-1]
            container.extend(json.loads(f"[{numbers}]"))
            self._position = match.end()

    def _read_name(self):
        if self._peek() != '"':
            raise self._fault("Missing a name for object member.")
        self._name = self._string()
        self._take(":", "Missing a colon after a name of object member.")

    def _value(self, fault):
        """Reads a whole scalar, or only the start of a list or object."""
        char = self._peek()
        if not char or char in "]},:":
            raise self._fault(fault)
        if char not in "[{":
            self._keep(self._scalar(char))
            return False
        value = [] if char == "[" else {}
        if len(self._stack) > MAX_NESTING:
            self._keep(TOO_DEEP)
            value = None
        else:
            self._keep(value)
        if len(self._stack) > _MAX_DEPTH:
            raise self._fault(f"Nested deeper than {_MAX_DEPTH} levels.")
        self._stack.append((value, "]" if char == "[" else "}"))
        self._position += 1
        return True

    def _keep(self, value):
        container, _ = self._stack[-1]
        if isinstance(container, list):
            container.append(value)
        elif container is not None:
            container.setdefault(self._name, value)

    def _scalar(self, char):
        if char == '"':
            return self._string()
        if match := _WORD.match(self._text, self._position):
            value = _WORDS[match.group()]
        elif match := _NOT_FINITE.match(self._text, self._position):
            value = float(match.group())
        elif match := _NUMBER.match(self._text, self._position):
            value = self._number(*match.group(0, 1, 2))
        else:
            raise self._fault("Invalid value.")
        self._position = match.end()
        return value

    def _number(self, text, fraction, exponent):
        if fraction == ".":
            raise self._fault("Miss fraction part in number.")
        if exponent and not exponent[-1].isdigit():
            raise self._fault("Miss exponent in number.")
        # Integers that need more than 64 bits are doubles, too.
        if not fraction and not exponent and len(text) <= 20:
            if -(2**63) <= (value := int(text)) < 2**64:
                return value
        if math.isinf(value := float(text)):
            raise self._fault("Number too big to be stored in double.")
        return value

    def _string(self):
        start = self._position + 1
        try:
            value, end = json.decoder.scanstring(self._text, start, True)
        except json.JSONDecodeError as error:
            self._position = error.pos
            raise self._fault(_string_fault(error.msg)) from None
        if "\\u" in _PAIRED_ESCAPES.sub("", self._text[start:end]):
            raise self._fault("The surrogate pair in string is invalid.")
        self._position = end
        return value

    def _take(self, char, fault):
        if self._peek() != char:
            raise self._fault(fault)
        self._position += 1

    def _peek(self):
        self._position = _SPACE.match(self._text, self._position).end()
        return self._text[self._position : self._position + 1]

    def _fault(self, text):
        before = self._text[: self._position].encode("utf-8", "surrogateescape")
        return _fault(f"{text} at offset: {len(before)}")


def _string_fault(message):
    for start, fault in _STRING_FAULTS.items():
        if message.startswith(start):
            return fault
    return "Invalid encoding in string."


def _fault(text):
    return invalid_argument(f"JSON Parse error: {text}")
