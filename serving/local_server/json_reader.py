"""Reads a request's JSON as TF Serving's parser, rapidjson 1.1.0, does."""

import functools
import json
import math
import re
from collections.abc import Callable
from typing import Any

from serving.errors import invalid_argument
from serving.local_server.json_values import DECODER
from serving.local_server.json_values import LongList
from serving.local_server.json_values import read_values
from serving.local_server.limits import MAX_JSON_VALUES

# Levels of lists and objects that are kept.
MAX_NESTING = 1000

# What stands for a list or object below the deepest level that is kept.
TOO_DEEP = object()

# The C++ server takes 500,000 levels; deeper ones only cost memory here.
_MAX_DEPTH = 500_000

# Bodies that Python's parser reads at once.
_MAX_WHOLE_BYTES = 1_000_000

# Runs of values: how much of the text each spans at most, how many levels of
# lists and objects its values have, and from which length it stays text. The
# objects of a larger run would outlive Python's young generations, whose old
# one costs more to collect than they cost to read.
_RUN_BYTES = 1 << 14
_RUN_LEVELS = 4
_MIN_TEXT = 1024

# Lists, objects and members that are in no run cost Python about 100 bytes
# each. That many are kept, and beyond it one for 8 bytes of the body.
_MAX_LOOSE = 100_000

_CHECK_STEPS = 1000

# What reads strings in Python's own decoder; its stubs lack it.
_scan_string = vars(json.decoder)["scanstring"]

# Where Python's parser is more lenient: exponents that may overflow, and
# escapes that may be half of a surrogate pair.
_SUSPECT = re.compile(r"[eE]\+?\d{3}|\\u[dD][89a-fA-F]")

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"null|true|false")
_NOT_FINITE = re.compile(r"(-?)(NaN|Inf(?:inity)?)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]*)?")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
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


def read_json(
    body: bytes,
    max_values: int = MAX_JSON_VALUES,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Reads a request body.

    `NaN`, `Inf` and `Infinity` are numbers, text behind the closing brace is
    ignored, and of several members with one name the first counts. Bytes that
    are not UTF-8 become surrogate escapes (PEP 383).

    Args:
        body: The body as it came, gzip undone.
        max_values: How many values it may hold: scalars, lists and objects.
            Defaults to 10 million.
        check: Called again and again during a long reading; may raise.

    Returns:
        The object. `int` and `float` tell whether a number was written with a
        fraction or exponent; long lists of a large body are `LongList`, and
        what lies deeper than 1,000 levels is `TOO_DEEP`.

    Raises:
        tf.errors.InvalidArgumentError: If it is no JSON, or too much.

    Example:
    >>> read_json(b'{"instances": [1, 2.0, -Inf]} and more')
    {'instances': [1, 2.0, -inf]}
    """
    if not body:
        raise _fault("The document is empty")
    # Commas and brackets of strings count, too, unless that makes too many.
    counts = len(body) > max_values and _count(body) > max_values
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    is_short = len(body) <= _MAX_WHOLE_BYTES and not counts
    if is_short and not _SUSPECT.search(text):
        try:
            return DECODER.raw_decode(text, _SPACE.match(text).end())[0]
        except (ValueError, RecursionError):
            # Only the slow reader knows where and why, or goes that deep.
            pass
    return _Reader(text, check, max_values if counts else None).read()


def _count(body):
    """Counts values, of which there is one more for each comma or bracket."""
    return 1 + sum(map(body.count, (b",", b"[", b"{")))


@functools.cache
def _run_pattern():
    """Values of a list, a comma behind each, that both parsers read alike."""
    space = r"[ \t\n\r]*+"
    # Nothing that overflows a double, or 64 bits.
    number = (
        r"-?(?:0|[1-9][0-9]{0,16}+)(?![0-9])(?:\.[0-9]++)?"
        r"(?:[eE](?:-[0-9]++|\+?(?:[12][0-8][0-9]|[0-9]{1,2}))(?![0-9]))?"
    )
    plain = r'[^"\\\x00-\x1f]*+'
    escape = (
        r'\\(?:["\\/bfnrt]|u(?:(?![dD][89a-fA-F])[0-9a-fA-F]{4}|'
        r"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
    )
    string = rf'"{plain}(?:{escape}{plain})*+"'
    scalar = rf"{number}|{string}|true|false|null|NaN|-?Infinity"

    def several(item):
        comma = rf"(?:,{space}(?![\]}}])|(?=[\]}}]))"
        return rf"{space}(?:{item}{space}{comma})*+"

    value = rf"(?>{scalar})"
    for _ in range(_RUN_LEVELS):
        member = rf"{string}{space}:{space}{value}"
        value = rf"(?>{scalar}|\[{several(value)}\]|\{{{several(member)}\}})"
    return re.compile(rf"(?:{value}{space},{space})++")


class _Reader:
    """A reader with a stack of its own, so that depth costs only memory."""

    def __init__(self, text, check=lambda: None, max_values=None):
        # The C++ parser takes a NUL for the end.
        self._text = text.partition("\0")[0]
        self._check = check
        self._position = 0
        self._document = []
        # Open lists and objects, `None` for those too deep to be kept, with
        # the character that closes each and its own name.
        self._stack = [(self._document, "", "")]
        self._name = ""
        self._names = {}
        self._loose = 0
        self._max_values = max_values
        self._values = 0

    def read(self):
        first = self._value("The document is empty.")
        steps = 0
        while len(self._stack) > 1:
            steps += 1
            if not steps % _CHECK_STEPS:
                self._check()
            container, closer, _ = self._stack[-1]
            if self._peek() == closer:
                self._position += 1
                self._close()
                first = False
                continue
            if not first:
                kind = "object member" if closer == "}" else "array element"
                self._take(",", f"Missing a comma or {closer} after an {kind}.")
            if closer == "}":
                self._read_name()
            else:
                self._read_run(container)
            first = self._value("Invalid value.")
        return self._document[0]

    def _read_run(self, container):
        self._peek()
        end = self._position + _RUN_BYTES
        match = _run_pattern().match(self._text, self._position, end)
        if not match:
            return
        self._check()
        self._position = match.end()
        if self._max_values is not None:
            run = match.group().encode("utf-8", "surrogateescape")
            self._count_values(_count(_STRING.sub(b"", run)) - 1)
        if container is not None:
            if len(match.group()) < _MIN_TEXT:
                container.extend(read_values(match.group()))
            else:
                container.append_text(match.group())

    def _read_name(self):
        if self._peek() != '"':
            raise self._fault("Missing a name for object member.")
        name = self._string()
        self._name = self._names.setdefault(name, name)
        self._count_loose()
        self._take(":", "Missing a colon after a name of object member.")

    def _value(self, fault):
        """Reads a whole scalar, or only the start of a list or object."""
        self._count_values(1)
        char = self._peek()
        if not char or char in "]},:":
            raise self._fault(fault)
        if char not in "[{":
            self._keep(self._scalar(char))
            return False
        value: Any
        if len(self._stack) > MAX_NESTING:
            value = None
        else:
            value = LongList(self._check) if char == "[" else {}
            self._count_loose()
        if len(self._stack) > _MAX_DEPTH:
            raise self._fault(f"Nested deeper than {_MAX_DEPTH} levels.")
        closer = "]" if char == "[" else "}"
        self._stack.append((value, closer, self._name))
        self._position += 1
        return True

    def _close(self):
        value, _, self._name = self._stack.pop()
        if value is None:
            value = TOO_DEEP
        elif isinstance(value, LongList):
            value = value.shortened()
        self._keep(value)

    def _keep(self, value):
        container = self._stack[-1][0]
        if isinstance(container, dict):
            container.setdefault(self._name, value)
        elif container is not None:
            container.append(value)

    def _count_values(self, count):
        self._values += count
        if self._max_values is not None and self._values > self._max_values:
            raise invalid_argument(
                f"JSON of more than {self._max_values} values. Split the "
                "request, or start the server with a larger "
                "--rest_api_max_json_values."
            )

    def _count_loose(self):
        self._loose += 1
        if self._loose > max(_MAX_LOOSE, len(self._text) // 8):
            raise self._fault(
                f"More than {self._loose - 1} lists, objects and members that "
                f"are nested deeper than {_RUN_LEVELS} levels or whose numbers "
                "are written unusually."
            )

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
            value, end = _scan_string(self._text, start, True)
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
