import pytest
import tensorflow as tf

from serving.local_server.json_examples import read_examples
from serving.local_server.json_reader import read_json


def read(text):
    return read_examples(read_json(text.encode()))


def features(text):
    (example,) = read(f'{{"examples": [{text}]}}').example_list.examples
    return example.features.feature


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("5", "int64_list", [5]),
        ("[true, false, -3]", "int64_list", [1, 0, -3]),
        ("[0.5, 1e1, -Inf]", "float_list", [0.5, 10.0, float("-inf")]),
        ("18446744073709551616", "float_list", [2.0**64]),
        ("1e300", "float_list", [float("inf")]),
        ('["é", {"b64": "/w=="}]', "bytes_list", ["é".encode(), b"\xff"]),
        ("[]", None, None),
    ],
)
def test_features_by_kind(value, kind, expected):
    feature = features(f'{{"x": {value}}}')["x"]
    assert feature.WhichOneof("kind") == kind
    if kind:
        assert list(getattr(feature, kind).value) == expected


def test_context_is_kept_apart():
    found = read('{"context": {"x": 1}, "examples": [{}, {"y": 2}]}')
    parts = found.example_list_with_context
    assert parts.context.features.feature["x"].int64_list.value == [1]
    assert len(parts.examples) == 2


def test_empty_context_is_a_context():
    found = read('{"context": {}, "examples": [{}]}')
    assert found.WhichOneof("kind") == "example_list_with_context"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "When method is classify, key 'examples' is expected and was"),
        ('{"examples": 1}', "Expecting 'examples' value to be an list/array"),
        ('{"examples": []}', "'examples' value is an empty array"),
        ('{"examples": [1]}', "Example must be JSON object but got JSON Num"),
        (
            '{"context": [], "examples": [{}]}',
            "must be JSON object but got JSON Array",
        ),
        (
            '{"examples": [{"x": [1, 1.5]}]}',
            "element type in feature: x expecting type: int64",
        ),
        ('{"examples": [{"x": ["a", 1]}]}', "feature: x expecting type: bytes"),
        (
            '{"examples": [{"x": null}]}',
            "x has element with unexpected JSON type: Null",
        ),
        ('{"examples": [{"x": {"y": 1}}]}', "unexpected JSON type: Object"),
        (
            '{"examples": [{"x": 9223372036854775808}]}',
            "Feature: x has uint64 element. Only int64 is supported.",
        ),
        ('{"examples": [{"x": {"b64": "?"}}]}', "Unable to base64 decode"),
    ],
)
def test_says_what_is_wrong(text, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        read(text)
    assert message in raised.value.message


def test_names_must_be_text():
    request = read_json(b'{"examples": [{"\xff": 1}]}')
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in UTF-8"):
        read_examples(request)
