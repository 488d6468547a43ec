"""Examples from the JSON of a classify or regress request."""

from typing import Any

from tensorflow_serving.apis import input_pb2

from serving.errors import invalid_argument
from serving.local_server.json_values import decode_base64
from serving.local_server.json_values import encode_text
from serving.local_server.json_values import is_base64
from serving.local_server.json_values import is_list
from serving.local_server.json_values import type_name
from serving.local_server.json_values import value_text

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_examples(request: dict[str, Any]) -> input_pb2.Input:
    """Reads the examples of a classify or regress request.

    Args:
        request: What `read_json` returned.

    Returns:
        The examples and their context. Integers and booleans become int64
        features, numbers written as decimals float ones.

    Raises:
        tf.errors.InvalidArgumentError: If there are none, or a feature mixes
            kinds of values.
        OverflowError: If a number is too big for a double.

    Example:
    >>> examples = read_examples({"examples": [{"ids": [1, 2]}]})
    >>> feature = examples.example_list.examples[0].features.feature["ids"]
    >>> list(feature.int64_list.value)
    [1, 2]
    """
    found = input_pb2.Input()
    if "context" in request:
        parts = found.example_list_with_context
        _fill_example(parts.context, request["context"])
        parts.context.SetInParent()
    else:
        parts = found.example_list
    if "examples" not in request:
        raise _unfit(
            request,
            "When method is classify, key 'examples' is expected and was not "
            "found",
        )
    if not is_list(request["examples"]):
        raise _unfit(request, "Expecting 'examples' value to be an list/array")
    if not request["examples"]:
        raise _unfit(request, "'examples' value is an empty array")
    for value in request["examples"]:
        _fill_example(parts.examples.add(), value)
    return found


def _fill_example(example, value):
    if not isinstance(value, dict):
        raise invalid_argument(
            f"Example must be JSON object but got JSON {type_name(value)}"
        )
    for name, content in value.items():
        try:
            feature = example.features.feature[name]
        except UnicodeEncodeError:
            raise invalid_argument(
                "Name of a feature is not in UTF-8"
            ) from None
        items = content if is_list(content) else [content]
        for item in items:
            _add_value(name, feature, item)


def _add_value(name, feature, item):
    kind, value = _kind_and_value(name, item)
    used = feature.WhichOneof("kind")
    if used not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{_KINDS[used]}"
        )
    getattr(feature, kind).value.append(value)


def _kind_and_value(name, item):
    if isinstance(item, str):
        return "bytes_list", encode_text(item)
    if is_base64(item):
        return "bytes_list", decode_base64(item)
    # An integer that needs more than 64 bits was read as a double.
    if isinstance(item, float) or (
        isinstance(item, int) and not -(2**63) <= item < 2**64
    ):
        return "float_list", float(item)
    if isinstance(item, int):
        if item >= 2**63:
            raise invalid_argument(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
        return "int64_list", int(item)
    raise invalid_argument(
        f"Feature: {name} has element with unexpected JSON type: "
        f"{type_name(item)}"
    )


def _unfit(value, rule):
    return invalid_argument(f"JSON Value: {value_text(value)} {rule}")
