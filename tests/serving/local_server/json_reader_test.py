import contextlib
import json
import math
import tracemalloc

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server import json_reader
from serving.local_server.json_inputs import read_inputs
from serving.local_server.json_reader import TOO_DEEP
from serving.local_server.json_reader import _Reader
from serving.local_server.json_reader import read_json
from serving.local_server.json_values import is_list
from serving.local_server.rest_api import AbandonedError


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


def plain(value):
    """Returns a value with plain lists in place of long ones."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if is_list(value) else value


def use_long_lists(monkeypatch, run_bytes=24):
    monkeypatch.setattr(json_reader, "_MIN_TEXT", 1)
    monkeypatch.setattr(json_reader, "_RUN_BYTES", run_bytes)


@pytest.mark.parametrize(
    "values",
    [
        *("1", "1, 2", "0,-1.5e-3 ,\n1E5,2", "1e308,1e22, 3", "-0.0,0"),
        *("99999999999999999,1e-400,1e289", "[], [1] ,[1,[2, [3, [4]]]]"),
        *('{"a":1 , "b":[{}]},{}', 'NaN , -Infinity,true,null,"a\\"]"'),
        *('"\\ud83d\\ude00","\\u00e9"', '{"a":1,"a":2}, {"":""}'),
    ],
)
@pytest.mark.parametrize("run_bytes", [8, 24, 1000])
def test_runs_of_values_are_read_alike(values, run_bytes, monkeypatch):
    expected = read_json(f'{{"a": [{values}]}}'.encode())["a"]
    use_long_lists(monkeypatch, run_bytes)
    text = f'{{"a": [{values}, Inf, [{values}], {values}]}}'
    found = plain(_Reader(text).read()["a"])
    # As text, in which a NaN is equal to another.
    assert repr(found) == repr([*expected, math.inf, expected, *expected])


@settings(deadline=None, database=None, derandomize=True, max_examples=50)
@given(st.dictionaries(st.text(max_size=3), JSON), st.booleans())
def test_both_readers_undo_what_json_writes(document, ensure_ascii):
    text = json.dumps(document, ensure_ascii=ensure_ascii)
    assert plain(_Reader(text).read()) == document
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_long_lists(monkeypatch)
        assert plain(_Reader(text).read()) == document
    assert read_json(text.encode("utf-8", "surrogatepass")) == document


@settings(deadline=None, database=None, derandomize=True, max_examples=50)
@given(
    st.dictionaries(st.text(max_size=3), JSON),
    st.integers(0, 100),
    st.sampled_from(["", ",", "]", "}", "0", '"', "Inf", "1e999", "\\ud800"]),
)
def test_faults_are_the_same_in_long_lists(document, place, fault):
    text = json.dumps(document)
    place = place * len(text) // 100
    text = text[:place] + fault + text[place + 1 :]

    def outcome():
        try:
            return repr(plain(_Reader(text).read()))
        except tf.errors.InvalidArgumentError as error:
            return error.message

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json_reader, "_RUN_BYTES", 0)
        expected = outcome()
        use_long_lists(monkeypatch)
        assert outcome() == expected


ROW = b'{"x":[5],"y":[12,7,3]}'
SHAPES = {
    "ones": b"1",
    "lists_of_one": b"[1]",
    "empty_lists": b"[]",
    "objects": b'{"x":1}',
    "rows": ROW,
    "strings": b'"ab"',
    "towers": b"[" * 90 + b"]" * 90,
    "towers_of_objects": b'{"":' * 90 + b"1" + b"}" * 90,
    "large_exponents": b"1e300",
    "infinities": b"[Inf]",
}


@pytest.mark.parametrize(
    ("start", "end"), [(b"", b"]}"), (b"1e300,", b"]}"), (b"", b"")]
)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(60_000, id="60kB"),
        pytest.param(1_100_000, id="1MB", marks=pytest.mark.slow),
    ],
)
def test_memory_is_bounded(name, start, end, size, monkeypatch):
    if size == 60_000:
        # As if all were larger.
        monkeypatch.setattr(json_reader, "_MAX_WHOLE_BYTES", 0)
        monkeypatch.setattr(json_reader, "_MIN_TEXT", 60)
        monkeypatch.setattr(json_reader, "_RUN_BYTES", 4000)
        monkeypatch.setattr(json_reader, "_MAX_LOOSE", 4000)
    unit = SHAPES[name]
    values = b",".join([unit] * (size // (len(unit) + 1)))
    body = b'{"x":1e100,"instances":[%s%s%s' % (start, values, end)
    names = ["x", "y"] if unit == ROW else ["x"]
    dtype = tf.string if name == "strings" else tf.float32
    info = meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum)
    read_json(b'{"x": [Inf, 1, 2]}')
    tracemalloc.start()
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        read_inputs(read_json(body), dict.fromkeys(names, info))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The body itself is the twentieth time.
    assert peak <= 19 * len(body)


@pytest.mark.parametrize(
    ("count", "value"),
    [(9, "1"), (9, '"a,b[{"'), (4, "[1]"), (4, '{"a": "\\",{"}')],
)
@pytest.mark.parametrize("more", [0, 1])
def test_values_are_limited(count, value, more):
    # The object and the list count, too.
    body = f'{{"a": [{", ".join([value] * (count + more))}]}}'.encode()
    limit = 11 if count == 9 else 10
    if not more:
        assert len(read_json(body, limit)["a"]) == count
        return
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        read_json(body, limit)
    assert raised.value.message == (
        f"JSON of more than {limit} values. Split the request, or start the "
        "server with a larger --rest_api_max_json_values."
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[Inf]," * 2000, id="reading"),
        pytest.param(b"1," * 600_000, id="reading_runs"),
    ],
)
def test_reading_can_be_abandoned(body):
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:
            raise AbandonedError

    with pytest.raises(AbandonedError):
        read_json(b'{"a": [1e100, %s1]}' % body, check=check)


def test_what_is_made_of_long_lists_can_be_abandoned():
    calls = []

    def check():
        if len(calls) == 1:
            raise AbandonedError

    body = b'{"instances": [%s1]}' % (b"1," * 600_000)
    request = read_json(body, check=check)
    calls.append(1)
    info = meta_graph_pb2.TensorInfo(dtype=tf.float32.as_datatype_enum)
    with pytest.raises(AbandonedError):
        read_inputs(request, {"x": info})
