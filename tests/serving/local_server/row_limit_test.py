"""Small requests that stand for many rows."""

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2
from tensorflow_serving.apis import input_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.local_server import served_version
from serving.local_server.local_server import LocalServer
from serving.saved_model_session import SavedModelSession
from serving.saved_model_session import serialized_examples
from tests.serving.local_server.models import write_adder


def write_wide(folder):
    """Writes a model of vectors that are 1,000 wide within and 2 outside."""

    class Wide(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.ones([3, 1000]))

        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string, "inputs")]
        )
        def classify(self, inputs):
            count = tf.shape(inputs)[0]
            wide = tf.ones([count, 3]) @ self.kernel
            return {"scores": wide[:, :2]}

    module = Wide()
    tf.saved_model.save(
        module, str(folder), signatures={"serving_default": module.classify}
    )


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """A server of requests of at most 3 rows."""
    base = tmp_path_factory.mktemp("limited")
    write_adder(base / "adder" / "1", 1)
    write_wide(base / "wide" / "1")
    file = base / "models.config"
    models = " ".join(
        f'config {{ name: "{name}" base_path: "{base / name}" '
        'model_platform: "tensorflow" }'
        for name in ("adder", "wide")
    )
    file.write_text(f"model_config_list {{ {models} }}")
    with LocalServer(model_config_file=file, max_rows_per_request=3) as server:
        yield server


@pytest.fixture
def prediction(limited):
    with grpc.insecure_channel(f"127.0.0.1:{limited.port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def ones(rows):
    """One value that stands for many rows."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "adder"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(1.0, shape=[rows]))
    return request


def test_one_value_stands_for_as_many_rows_as_allowed(prediction):
    assert prediction.Predict(ones(3)).outputs["y"].float_val == [2, 2, 2]


def test_one_value_may_not_stand_for_more(prediction):
    request = ones(1_000_000)
    assert request.ByteSize() < 60
    with pytest.raises(grpc.RpcError) as raised:
        prediction.Predict(request)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == (
        "The request has 1,000,000 rows, but may have at most 3. Send them in "
        "several requests, or start the server with a larger "
        "--max_rows_per_request."
    )


def test_rest_has_the_same_limit(limited):
    url = f"http://127.0.0.1:{limited.rest_api_port}/v1/models/adder:predict"
    assert requests.post(url, '{"instances": [1, 1, 1]}').ok
    answer = requests.post(url, '{"instances": [1, 1, 1, 1]}')
    assert answer.status_code == 400
    assert "has 4 rows, but may have at most 3" in answer.json()["error"]


def test_examples_have_the_same_limit(prediction):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "wide"
    for _ in range(3):
        request.input.example_list.examples.add()
    found = prediction.Classify(request).result.classifications
    assert len(found) == 3
    request.input.example_list.examples.add()
    with pytest.raises(grpc.RpcError, match="has 4 rows, but may have"):
        prediction.Classify(request)


def test_a_context_is_not_repeated_without_bound():
    examples = input_pb2.Input()
    given = examples.example_list_with_context
    given.context.features.feature["x"].bytes_list.value.append(b"x" * 10**6)
    for _ in range(101):
        given.examples.add()
    with pytest.raises(tf.errors.ResourceExhaustedError, match="too long"):
        serialized_examples(examples)


def test_inputs_that_are_too_many_are_not_read(prediction):
    request = ones(1)
    request.inputs["y"].CopyFrom(ones(10**7).inputs["x"])
    with pytest.raises(grpc.RpcError, match=r"Sent extra: \{y\}"):
        prediction.Predict(request)


@pytest.mark.parametrize(
    ("free", "expected"),
    # 16 vectors of 1,000 floats a row, for two requests at a time, of a
    # quarter of the memory.
    [(16 * 1000 * 4 * 2 * 4 * 5000, 5000), (0, 256)],
    ids=["much", "none"],
)
def test_default_is_by_memory_and_widest_vector(
    tmp_path, monkeypatch, free, expected
):
    write_wide(tmp_path)
    monkeypatch.setattr(served_version, "free_memory", lambda: free)
    monkeypatch.setattr(served_version, "worker_count", lambda: 1)
    session = SavedModelSession(tmp_path)
    assert served_version.default_row_limit(session) == expected
    session.close()
