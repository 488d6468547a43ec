"""Requests that no client of ours would send, over the plain APIs."""

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

ONE_SIDE = "Give exactly one of in0 and in1"


def rest(served, body):
    url = f"http://{served.rest}/v1/models/{served.name}:predict"
    answer = requests.post(url, json=body, timeout=10)
    return answer.status_code, answer.json()


def embed_over_rest(served, *instances):
    return rest(
        served,
        {"signature_name": "encoder_embeddings", "instances": instances},
    )


def predict_over_grpc(served, signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = served.name
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(served.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=10)


def ids(*rows):
    return np.array(rows, np.int64)


def test_over_grpc_the_absent_side_may_be_left_out(served):
    answer = predict_over_grpc(served, "encoder_embeddings", in1=ids([4, 5]))
    embeddings = tf.make_ndarray(answer.outputs["embeddings"])
    expected = served.model.embed(in1=[[4, 5]])
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def test_over_rest_the_absent_side_is_an_empty_list_in_every_row(served):
    status, answer = embed_over_rest(
        served, {"in0": [1, 2], "in1": []}, {"in0": [3, 0], "in1": []}
    )
    assert status == 200
    expected = served.model.embed(in0=[[1, 2], [3]])
    np.testing.assert_allclose(
        answer["predictions"], expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "instance",
    [{"in0": [1], "in1": [2]}, {"in0": [], "in1": []}],
    ids=["both", "neither"],
)
def test_not_exactly_one_side_is_a_plain_sentence(served, instance):
    status, answer = embed_over_rest(served, instance)
    assert status == 400
    assert ONE_SIDE in answer["error"]


def test_an_omitted_side_over_rest_names_the_expected_keys(served):
    status, answer = embed_over_rest(served, {"in0": [1]})
    assert status == 400
    assert "keys must be equal to: in0,in1" in answer["error"]


def test_ragged_rows_are_refused(served):
    status, answer = rest(
        served,
        {"instances": [{"in0": [1, 2], "in1": [3]}, {"in0": [1], "in1": [3]}]},
    )
    assert status == 400
    assert "Expecting tensor size: 2 but got: 1" in answer["error"]


@pytest.mark.parametrize(
    ("in0", "in1"),
    [([1, 2], [3, 4]), ([[[1]]], [[[2]]])],
    ids=["rank_1", "rank_3"],
)
def test_another_rank_is_an_error_or_finite(served, in0, in1):
    status, answer = rest(served, {"inputs": {"in0": in0, "in1": in1}})
    assert status == 400, answer


def test_int32_ids_are_refused_over_grpc(served):
    with pytest.raises(grpc.RpcError) as caught:
        predict_over_grpc(
            served,
            "serving_default",
            in0=np.array([[1]], np.int32),
            in1=ids([1]),
        )
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "to be int64 but int32 is provided" in caught.value.details()


def test_an_unknown_signature_differs_by_protocol(served):
    status, answer = rest(served, {"signature_name": "x", "instances": [1]})
    assert status == 400
    assert 'Serving signature name: "x" not found' in answer["error"]
    with pytest.raises(grpc.RpcError) as caught:
        predict_over_grpc(served, "x", in0=ids([1]))
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert 'Serving signature key "x" not found' in caught.value.details()


def test_column_format(served):
    status, answer = rest(
        served, {"inputs": {"in0": [[1, 2], [3, 0]], "in1": [[4], [5]]}}
    )
    assert status == 200
    expected = served.model.predict([[1, 2], [3]], [[4], [5]])
    np.testing.assert_allclose(
        answer["outputs"], expected, rtol=1e-5, atol=1e-6
    )
