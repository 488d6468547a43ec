import json
import math

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from serving.local_server.json_reader import TOO_DEEP
from serving.local_server.json_reader import _Reader
from serving.local_server.json_reader import read_json


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": [1, 2.0, true, null, "x"]}', {"a": [1, 2.0, True, None, "x"]}),
        (b'{"a": -Inf, "b": Infinity}', {"a": -math.inf, "b": math.inf}),
        (b'{"a": 1, "b": 2, "a": 3}', {"a": 1, "b": 2}),
        (b'{"a": 1} and more }', {"a": 1}),
        (b'\xef\xbb\xbf {"a": 1}', {"a": 1}),
        (b'{"a": "caf\\u00e9 \\ud83d\\ude00"}', {"a": "café 😀"}),
        (b'{"a": "\xff"}', {"a": "\udcff"}),
        (b'{"a": 18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a": 1e308, "b": 1e-999}', {"a": 1e308, "b": 0.0}),
        (b'{"a": "1e999 Inf"}', {"a": "1e999 Inf"}),
    ],
)
def test_reads(body, expected):
    assert read_json(body) == expected


def test_reads_numbers_that_are_none():
    values = read_json(b'{"a": [NaN, -NaN]}')["a"]
    assert all(map(math.isnan, values))


def test_literals_tell_integers_from_decimals():
    values = read_json(b'{"a": [1, 1.0, 1e0, 18446744073709551616, Inf]}')["a"]
    assert [type(value) for value in values] == [int, *[float] * 4]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty. at offset: 2"),
        (b"]", "The document is empty. at offset: 0"),
        (b"hello", "Invalid value. at offset: 0"),
        (b'{"a": [1, 2,]}', "Invalid value. at offset: 12"),
        (b'{"a": [', "Invalid value. at offset: 7"),
        (b'{"a": [1, 2, ', "Invalid value. at offset: 13"),
        (b'{"a": [1, 2, 03]}', "Missing a comma or ] after an array element."),
        (b'{"a": [1, 2,, 3]}', "Invalid value. at offset: 12"),
        (b'{"a": }', "Invalid value. at offset: 6"),
        (b'{"a": nan}', "Invalid value. at offset: 6"),
        (b'{"a": +1}', "Invalid value. at offset: 6"),
        (b'{"a": .5}', "Invalid value. at offset: 6"),
        (b'{"a": /* 1 */ 1}', "Invalid value. at offset: 6"),
        (b'{"a": 1.}', "Miss fraction part in number."),
        (b'{"a": 1e+}', "Miss exponent in number."),
        (b'{"a": 1e999}', "Number too big to be stored in double."),
        (b"{'a': 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a": 1,}', "Missing a name for object member. at offset: 8"),
        (b'{"a" 1}', "Missing a colon after a name of object member."),
        (b'{"a": 01}', "Missing a comma or } after an object member."),
        (b'{"a": [1 2]}', "Missing a comma or ] after an array element."),
        (b'{"a": "x', "Missing a closing quotation mark in string."),
        (b'{"a": "\0"}', "Missing a closing quotation mark in string."),
        (b'{"a": "\n"}', "Invalid escape character in string."),
        (b'{"a": "\\x"}', "Invalid escape character in string."),
        (
            b'{"a": "\\u12g4"}',
            "Incorrect hex digit after \\u escape in string.",
        ),
        (b'{"a": "\\ud800"}', "The surrogate pair in string is invalid."),
        (b'{"a": "\\ud800\\n"}', "The surrogate pair in string is invalid."),
        (
            b'{"a": "\\\\ud83d\\ude00"}',
            "The surrogate pair in string is invalid.",
        ),
        ("{'é'".encode(), "at offset: 1"),
        ('{"é" 1}'.encode(), "at offset: 6"),
    ],
)
def test_says_what_is_wrong(body, fault):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        read_json(body)
    assert raised.value.message.startswith("JSON Parse error: ")
    assert fault in raised.value.message


@pytest.mark.parametrize("depth", [990, 999])
def test_keeps_999_levels_below_the_top(depth):
    value = read_json(b'{"a": %s}' % (b"[" * depth + b"]" * depth))["a"]
    for _ in range(depth):
        assert isinstance(value, list)
        value = value[0] if value else None
    assert value is None


def test_deeper_levels_are_read_but_not_kept():
    deep = b'[{"b": 1}, ' * 5000 + b"2" + b"]" * 5000
    found = read_json(b'{"a": %s, "c": 3}' % deep)
    value, levels = found["a"], 0
    while value is not TOO_DEEP:
        value, levels = value[1] if value[1:] else value[0], levels + 1
    assert levels == 999
    assert found["c"] == 3


def test_depth_is_bounded():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Nested deeper"):
        read_json(b'{"a": ' + b"[" * 600_000)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "numbers", ["1", "1, 2", "0,-1.5e-3 ,\n1E5,2", "1e308,1e22, 3", "-0.0,0"]
)
def test_runs_of_numbers_are_read_alike(numbers):
    expected = json.loads(f"[{numbers}]")
    found = _Reader(f'{{"a": [{numbers}, Inf, [{numbers}], {numbers}]}}').read()
    assert found["a"] == [*expected, math.inf, expected, *expected]


@settings(deadline=None, database=None, derandomize=True)
@given(st.dictionaries(st.text(max_size=3), JSON), st.booleans())
def test_both_readers_undo_what_json_writes(document, ensure_ascii):
    text = json.dumps(document, ensure_ascii=ensure_ascii)
    assert _Reader(text).read() == document
    assert read_json(text.encode("utf-8", "surrogatepass")) == document
