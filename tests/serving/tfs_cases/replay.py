"""Replays cases of `cases.json` against a server and compares the answers."""

import base64
import http.client
import json
import math
import re

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

_STATES = get_model_status_pb2.ModelVersionStatus.State
_NUMBER = re.compile(r"-?(?:Infinity|NaN|[0-9][0-9.eE+-]*)")
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_DTYPES = {"float": "float32", "double": "float64", "half": "float16"}


def request_body(request):
    """Returns the body that a case sends."""
    if "body_parts" in request:
        return b"".join(t.encode() * n for t, n in request["body_parts"])
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    return request.get("body", "").encode("utf-8", "surrogatepass")


def replay_rest(case, host, port):
    """Sends the request of a case and checks what comes back."""
    request, expected = case["request"], case["expected"]
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request(
        request["method"],
        request["path"],
        request_body(request) or None,
        request.get("headers", {}),
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == expected["http"], body[:500]
    _check_headers(answer, expected)
    _check_body(body, expected)


def replay_grpc(case, channel):
    """Makes the call of a case and checks what comes back."""
    request, expected = case["request"], case["expected"]
    method = request["rpc"].partition("/")[2]
    call = {
        "Predict": _predict,
        "GetModelStatus": _get_status,
        "GetModelMetadata": _get_metadata,
    }[method]
    try:
        answer = call(channel, request)
    except grpc.RpcError as error:
        assert error.code().name == expected["grpc_code"], error.details()
        for part in expected.get("error_contains", []):
            assert part in error.details()
        return
    assert expected["grpc_code"] == "OK"
    if method == "Predict":
        _check_outputs(answer, expected)
    if "response" in expected:
        assert _as_json(answer) == expected["response"]


def json_differs(actual, expected, tolerance):
    """Says how two JSON documents differ, or returns `None`."""
    if expected in _NOT_FINITE and isinstance(actual, float):
        same = (
            math.isnan(actual)
            if expected == "NaN"
            else (actual == float(expected))
        )
        return None if same else f"{actual} is not {expected}"
    if type(actual) is not type(expected):
        return f"{actual!r} is not of the type of {expected!r}"
    if isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return f"keys {sorted(actual)} are not {sorted(expected)}"
        pairs = [(actual[key], expected[key]) for key in expected]
    elif isinstance(actual, list):
        if len(actual) != len(expected):
            return f"{actual} has not the length of {expected}"
        pairs = zip(actual, expected, strict=True)
    elif isinstance(actual, float):
        close = math.isclose(actual, expected, rel_tol=tolerance)
        return None if close else f"{actual} is not {expected}"
    else:
        return None if actual == expected else f"{actual!r} != {expected!r}"
    found = (json_differs(*pair, tolerance) for pair in pairs)
    return next(filter(None, found), None)


def _check_headers(answer, expected):
    for name, value in expected.get("response_headers", {}).items():
        assert answer.headers.get(name) == value
    if expected.get("html_error_page"):
        assert answer.headers["Content-Type"] == "text/html"


def _check_body(body, expected):
    text = body.decode("utf-8", "surrogateescape")
    tolerance = expected.get("float_rel_tol", 1e-6)
    if expected.get("body_empty"):
        assert body == b""
    for part in expected.get("body_contains", []):
        assert part in text
    if "json" in expected:
        assert not json_differs(json.loads(text), expected["json"], tolerance)
    if "json_subset" in expected:
        _check_subset(json.loads(text), expected["json_subset"])
    if "number_tokens" in expected and "float_rel_tol" not in expected:
        values = text.partition(":")[2]
        assert _NUMBER.findall(values) == expected["number_tokens"]
    if "error_contains" in expected:
        document = json.loads(text)
        assert list(document) == ["error"]
        for part in expected["error_contains"]:
            assert part in document["error"]


def _check_subset(actual, expected):
    if not isinstance(expected, dict):
        assert actual == expected
        return
    for key, value in expected.items():
        _check_subset(actual[key], value)


def _predict(channel, request):
    message = predict_pb2.PredictRequest(
        output_filter=request.get("output_filter", [])
    )
    _fill_spec(message, request)
    for name, tensor in request["inputs"].items():
        dtype = _DTYPES.get(tensor["dtype"], tensor["dtype"])
        message.inputs[name].CopyFrom(
            tf.make_tensor_proto(
                tensor["values"], tf.as_dtype(dtype), tensor["shape"]
            )
        )
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(message, timeout=60)


def _get_status(channel, request):
    message = get_model_status_pb2.GetModelStatusRequest()
    _fill_spec(message, request)
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return stub.GetModelStatus(message, timeout=60)


def _get_metadata(channel, request):
    message = get_model_metadata_pb2.GetModelMetadataRequest(
        metadata_field=request.get("metadata_field", [])
    )
    _fill_spec(message, request)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.GetModelMetadata(message, timeout=60)


def _fill_spec(message, request):
    if "model_spec" not in request:
        return
    spec = dict(request["model_spec"])
    version = spec.pop("version", None)
    for field, value in spec.items():
        setattr(message.model_spec, field, value)
    if version is not None:
        message.model_spec.version.value = version
    message.model_spec.SetInParent()


def _check_outputs(answer, expected):
    if "model_spec" in expected:
        spec = expected["model_spec"]
        assert answer.model_spec.name == spec["name"]
        assert answer.model_spec.signature_name == spec["signature_name"]
        assert answer.model_spec.version.value == spec["version"]
    assert answer.outputs.keys() == expected["outputs"].keys()
    for name, tensor in expected["outputs"].items():
        assert not answer.outputs[name].tensor_content
        array = tf.make_ndarray(answer.outputs[name])
        assert list(array.shape) == tensor["shape"]
        assert array.dtype.name == _DTYPES.get(tensor["dtype"], "object")
        values = [
            v.decode() if isinstance(v, bytes) else v for v in array.ravel()
        ]
        np.testing.assert_array_equal(values, tensor["values"])


def _as_json(answer):
    return {
        "model_version_status": [
            {
                "version": each.version,
                "state": _STATES.Name(each.state),
                "error_code": each.status.error_code,
            }
            for each in answer.model_version_status
        ]
    }
