"""Requests that nobody meant; the server answers, tells little and stays up."""

import base64
import http.client
import json

import grpc
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

FUZZ = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

SIGNATURES = [
    *("echo_int32", "echo_float", "echo_bool", "echo_string", "echo_half"),
    *("pair_mixed", "pair_sum", "with_default", "fixed3", "scalar_out"),
    *("__saved_model_init_op", "unknown"),
]
NAMES = st.sampled_from(["x", "a", "b", "ids", "txt", "scale", "b64", "q"])

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.just({"b64": "dGY="})
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=12,
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(SIGNATURES) | SCALARS,
        "instances": VALUES,
        "inputs": VALUES,
        "examples": VALUES,
        "context": VALUES,
    },
)
ACTIONS = st.sampled_from(["predict", "classify", "regress"])


@pytest.fixture(scope="module")
def connection(server):
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_api_port, timeout=60
    )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def secrets(case_models):
    """What no answer may hold."""
    return [str(case_models.parent), "/work", "/usr", "Traceback", "File "]


def post(connection, path, body, headers=None):
    connection.request("POST", path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def check_rest(connection, secrets, path, body, headers=None):
    status, answer = post(connection, path, body, headers)
    text = answer.decode("utf-8", "surrogateescape")
    assert status in (200, 400, 404, 501), text
    assert ("error" in json.loads(text)) == (status != 200)
    assert not any(secret in text for secret in secrets)


@FUZZ
@given(ACTIONS, REQUESTS)
def test_json_of_any_form(connection, secrets, action, request):
    path = f"/v1/models/echo:{action}"
    check_rest(connection, secrets, path, json.dumps(request).encode())


@FUZZ
@given(ACTIONS, st.binary(max_size=200))
def test_bytes_of_any_form(connection, secrets, action, body):
    check_rest(connection, secrets, f"/v1/models/half:{action}", body)
    gzip = {"Content-Encoding": "gzip"}
    check_rest(connection, secrets, f"/v1/models/half:{action}", body, gzip)


@FUZZ
@given(REQUESTS, st.integers(0, 100), st.binary(min_size=1, max_size=3))
def test_json_with_a_fault(connection, secrets, request, place, fault):
    body = bytearray(json.dumps(request).encode())
    place = place * len(body) // 100
    body[place : place + 1] = fault
    check_rest(connection, secrets, "/v1/models/echo:predict", bytes(body))


@FUZZ
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"])))
def test_paths_of_any_form(connection, secrets, path):
    check_rest(connection, secrets, f"/v1/models/{path}", b"{}")


METHODS = [
    *("PredictionService/Predict", "PredictionService/Classify"),
    *("PredictionService/Regress", "PredictionService/GetModelMetadata"),
    *("PredictionService/MultiInference", "ModelService/GetModelStatus"),
    "ModelService/HandleReloadConfigRequest",
]


def check_grpc(call, request, secrets, codes):
    try:
        call(request, timeout=30)
    except grpc.RpcError as error:
        assert error.code().name in codes, error.details()
        assert not any(secret in error.details() for secret in secrets)


@FUZZ
@given(st.sampled_from(METHODS), st.binary(max_size=100))
def test_grpc_messages_of_any_bytes(channel, secrets, method, message):
    call = channel.unary_unary(f"/tensorflow.serving.{method}")
    # What is no message is INTERNAL in gRPC itself, in C++ as well.
    codes = {"INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL", "UNIMPLEMENTED"}
    check_grpc(call, message, secrets, codes)


TENSORS = st.fixed_dictionaries(
    {"dtype": st.sampled_from(types_pb2.DataType.values())},
    optional={
        "tensor_content": st.binary(max_size=20),
        "float_val": st.lists(st.floats(width=32), max_size=4),
        "int_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
        "half_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
        "string_val": st.lists(st.binary(max_size=3), max_size=4),
        "bool_val": st.lists(st.booleans(), max_size=4),
    },
)
SHAPES = st.lists(st.integers(-1, 5) | st.just(2**40), max_size=5)


@FUZZ
@given(
    st.sampled_from(SIGNATURES),
    st.dictionaries(NAMES, st.tuples(TENSORS, SHAPES)),
)
def test_grpc_tensors_of_any_form(channel, secrets, signature, tensors):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    request.model_spec.signature_name = signature
    for name, (fields, shape) in tensors.items():
        tensor = request.inputs[name]
        tensor.CopyFrom(type(tensor)(**fields))
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    codes = {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
    codes |= {"OUT_OF_RANGE", "RESOURCE_EXHAUSTED"}
    check_grpc(stub.Predict, request, secrets, codes)


def test_server_is_still_up(connection):
    # Runs last of this module.
    encoded = base64.b64encode(b"tf").decode()
    body = {"signature_name": "echo_bytes", "instances": [{"b64": encoded}]}
    status, answer = post(
        connection, "/v1/models/echo:predict", json.dumps(body)
    )
    assert status == 200
    assert json.loads(answer) == {"predictions": [{"b64": encoded}]}
