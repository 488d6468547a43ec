import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import classification_pb2
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import inference_pb2
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis import regression_pb2


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model_service(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict_request(model, signature="", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(value)
    return request


def floats(*values):
    return tf.make_tensor_proto(list(values), tf.float32)


def half_request():
    return predict_request("half", x=floats(1, 2))


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as raised:
        call(request, timeout=30)
    return raised.value.code().name, raised.value.details()


@pytest.mark.parametrize(
    ("version", "expected"),
    [({"version": 1}, [11]), ({"version_label": "canary"}, [12]), ({}, [12])],
    ids=["number", "label", "latest"],
)
def test_predict_by_version(prediction, version, expected):
    request = predict_request("mv", x=floats(10))
    if "version" in version:
        request.model_spec.version.value = version["version"]
    else:
        request.model_spec.version_label = version.get("version_label", "")
        if not version:
            request.model_spec.ClearField("version_label")
    answer = prediction.Predict(request)
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == expected
    assert answer.model_spec.version.value == expected[0] - 10


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        pytest.param(
            predict_pb2.PredictRequest(),
            "INVALID_ARGUMENT",
            "Missing ModelSpec",
            id="no_spec",
        ),
        pytest.param(
            predict_request(""),
            "INVALID_ARGUMENT",
            "ModelSpec has no name specified.",
            id="no_name",
        ),
        pytest.param(
            predict_request("ghost"),
            "NOT_FOUND",
            "Servable not found for request: Latest(ghost)",
            id="unknown_model",
        ),
        pytest.param(
            predict_request("half", "other"),
            "FAILED_PRECONDITION",
            'Serving signature key "other" not found.',
            id="unknown_signature",
        ),
        pytest.param(
            predict_request("echo", "pair_sum", a=floats(1)),
            "INVALID_ARGUMENT",
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
            "Sent extra: {}. Missing but required: {b}.",
            id="input_missing",
        ),
        pytest.param(
            predict_request("half", x=floats(1), q=floats(1)),
            "INVALID_ARGUMENT",
            "Sent extra: {q}. Missing but required: {}.",
            id="input_extra",
        ),
        pytest.param(
            predict_request("half", x=tf.make_tensor_proto([1], tf.int32)),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but int32 is provided",
            id="dtype",
        ),
        pytest.param(
            predict_request("half", x=tensor_pb2.TensorProto()),
            "INVALID_ARGUMENT",
            "tensor parsing error: x",
            id="no_tensor",
        ),
        pytest.param(
            predict_request(
                "echo", "pair_sum", a=floats(1, 2), b=floats(1, 2, 3)
            ),
            "INVALID_ARGUMENT",
            "Incompatible shapes: [2] vs. [3]\n\t [[{{function_node",
            id="graph",
        ),
        pytest.param(
            predict_request("half", "__saved_model_init_op"),
            "OUT_OF_RANGE",
            "does not have output 0",
            id="init_op",
        ),
    ],
)
def test_predict_refuses(prediction, request_, code, message):
    found, details = refusal(prediction.Predict, request_)
    assert found == code
    assert message in details


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["zz"],
            "output tensor alias not found in signature: zz Outputs expected "
            "to be in the set {y}.",
        ),
        (["y", "y"], "duplicate output tensor alias: y"),
    ],
)
def test_output_filter_refuses(prediction, names, message):
    request = half_request()
    request.output_filter.extend(names)
    assert refusal(prediction.Predict, request) == ("INVALID_ARGUMENT", message)


def test_long_errors_are_cut(prediction):
    name = "x" * 2000
    _, details = refusal(prediction.Predict, predict_request("half", name))
    assert len(details) == 1024 + len("...TRUNCATED")
    assert details.endswith("x...TRUNCATED")


def example_request(message, signature, **features):
    message.model_spec.name = "half"
    message.model_spec.signature_name = signature
    example = message.input.example_list.examples.add()
    for name, value in features.items():
        example.features.feature[name].float_list.value.append(value)
    return message


def test_classify(prediction):
    request = classification_pb2.ClassificationRequest()
    answer = prediction.Classify(
        example_request(request, "classify_labels", x=0.5)
    )
    (found,) = answer.result.classifications
    assert [(each.label, each.score) for each in found.classes] == [
        ("no", 0.5),
        ("yes", 1.5),
    ]
    assert answer.model_spec.signature_name == "classify_labels"
    assert answer.model_spec.version.value == 123


def test_regress(prediction):
    request = regression_pb2.RegressionRequest()
    answer = prediction.Regress(example_request(request, "regress_x_to_y", x=4))
    assert [each.value for each in answer.result.regressions] == [4]


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("nothere", "No signature was found with the name: nothere"),
        ("", "No regression inputs found in SignatureDef"),
        ("classify_labels", "Expected one output Tensor."),
        ("classify_x_to_y", "No regression outputs found in SignatureDef"),
    ],
)
def test_regress_wants_its_kind_of_signature(prediction, signature, message):
    request = example_request(regression_pb2.RegressionRequest(), signature)
    code, details = refusal(prediction.Regress, request)
    assert code == "INVALID_ARGUMENT"
    assert message in details


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("", "No classification inputs found in SignatureDef"),
        ("regress_x_to_y", "Expected classification signature outputs"),
    ],
)
def test_classify_wants_its_kind_of_signature(prediction, signature, message):
    request = classification_pb2.ClassificationRequest()
    code, details = refusal(
        prediction.Classify, example_request(request, signature)
    )
    assert code == "INVALID_ARGUMENT"
    assert message in details


def test_examples_must_not_be_empty(prediction):
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = "half"
    request.model_spec.signature_name = "ragged_sum"
    assert refusal(prediction.Regress, request)[1] == "Input is empty."


def test_multi_inference_is_left_out(prediction):
    code, _ = refusal(
        prediction.MultiInference, inference_pb2.MultiInferenceRequest()
    )
    assert code == "UNIMPLEMENTED"


def test_other_services_are_left_out(channel):
    call = channel.unary_unary("/tensorflow.ProfilerService/Profile")
    assert refusal(call, b"")[0] == "UNIMPLEMENTED"


def test_metadata(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        metadata_field=["signature_def"]
    )
    request.model_spec.name = "half"
    answer = prediction.GetModelMetadata(request)
    assert answer.model_spec.version.value == 123
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    signature = found.signature_def["serving_default"]
    assert signature.inputs["x"].dtype == tf.float32


def test_metadata_needs_a_field(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "half"
    assert refusal(prediction.GetModelMetadata, request) == (
        "INVALID_ARGUMENT",
        "GetModelMetadataRequest must specify at least one metadata_field",
    )


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("ghost", None, "Could not find any versions of model ghost"),
        ("half", 5, "Could not find version 5 of model half"),
    ],
)
def test_status_of_what_is_not_there(model_service, name, version, message):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    assert refusal(model_service.GetModelStatus, request) == (
        "NOT_FOUND",
        message,
    )


def test_status_of_one_version(model_service):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "mv"
    request.model_spec.version.value = 1
    (found,) = model_service.GetModelStatus(request).model_version_status
    assert (found.version, found.state) == (1, found.AVAILABLE)


def test_reload_wants_a_list(model_service):
    code, details = refusal(
        model_service.HandleReloadConfigRequest,
        model_management_pb2.ReloadConfigRequest(),
    )
    assert code == "INVALID_ARGUMENT"
    assert "Only ModelConfigList is currently supported" in details


def test_large_messages_pass(prediction):
    array = np.zeros(2_000_000, np.float32)
    request = predict_request("half", x=tf.make_tensor_proto(array))
    # It is the client that takes no answer of that size by default.
    assert "larger than max" in refusal(prediction.Predict, request)[1]


@pytest.fixture(scope="module")
def health(open_server):
    with grpc.insecure_channel(f"127.0.0.1:{open_server.port}") as channel:
        yield channel.unary_unary("/grpc.health.v1.Health/Check")


def health_request(service):
    """A HealthCheckRequest on the wire: field 1, a string."""
    return bytes([10, len(service)]) + service


@pytest.mark.parametrize("service", [b"ModelService", b"PredictionService"])
def test_health(health, service):
    # A HealthCheckResponse: field 1, the number 1, which is SERVING.
    assert health(health_request(service)) == b"\x08\x01"


def test_health_of_the_server(health):
    assert health(b"") == health(health_request(b"")) == b"\x08\x01"


def test_health_of_another_service(health):
    assert refusal(health, health_request(b"x"))[0] == "NOT_FOUND"


def test_health_is_off_unless_asked_for(channel):
    call = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert refusal(call, b"")[0] == "UNIMPLEMENTED"
