"""What a server answers to texts, by our clients and over the plain APIs."""

import asyncio
import base64

import numpy as np
import pytest

from serving.client import AsyncGrpcClient
from serving.client import GrpcClient
from serving.client import RestClient
from serving.client import ServerError
from tests.serving.contract.requests_test import ONE_SIDE
from tests.serving.contract.requests_test import embed_over_rest
from tests.serving.contract.requests_test import predict_over_grpc
from tests.serving.contract.requests_test import rest

IN0 = ["The dog barks", "", "a cat", "a dog and a cat and a mat and a dog"]
IN1 = ["mat", "a \N{DOG FACE}", b"caf\xe9", "qzxv"]
ODD_TEXTS = {
    "blank": " \t\n",
    "nul": "dog\0cat",
    "emoji": "\N{DOG FACE}\N{ZERO WIDTH JOINER}",
    "right_to_left": "\u05db\u05dc\u05d1 \u202edog",
    "invalid_utf8": b"caf\xe9 \xff\xfe dog",
    "unknown_words": "qzxv wvut",
    "1_mb": "a dog " * 2**18,
}


@pytest.fixture(params=[GrpcClient, RestClient])
def client(request, served_texts):
    kind = request.param
    address = served_texts.grpc if kind is GrpcClient else served_texts.rest
    with kind(address, model_name=served_texts.name, batch_size=3) as client:
        yield client


def test_scores_of_texts_are_the_models(client, served_texts):
    expected = served_texts.model.predict(IN0, IN1)
    scores = client.predict(IN0, IN1)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", ["in0", "in1"])
@pytest.mark.parametrize("rows", [IN0, IN1, [""]], ids=["in0", "in1", "empty"])
def test_embeddings_of_texts_are_that_sides(client, served_texts, side, rows):
    expected = served_texts.model.embed(**{side: rows})
    embeddings = client.embed(**{side: rows})
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_an_odd_text_has_a_defined_answer(client, served_texts, text):
    scores = client.predict([text], [text])
    expected = served_texts.model.predict([text], [text])
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_ids_for_texts_are_refused(client):
    with pytest.raises(ServerError, match="string") as caught:
        client.predict([[1, 2]], [[3]])
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("kind", [GrpcClient, RestClient])
def test_texts_for_ids_are_refused(served, kind):
    address = served.grpc if kind is GrpcClient else served.rest
    with kind(address, model_name=served.name) as client:
        with pytest.raises(ServerError, match="int64") as caught:
            client.embed(in0=["a dog"])
    assert caught.value.code == "INVALID_ARGUMENT"


def test_the_async_client_sends_texts(served_texts):
    async def ask():
        async with AsyncGrpcClient(
            served_texts.grpc, model_name=served_texts.name, batch_size=2
        ) as client:
            return await client.predict(IN0, IN1)

    expected = served_texts.model.predict(IN0, IN1)
    np.testing.assert_allclose(
        asyncio.run(ask()), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("absent", ["", []], ids=["empty_text", "empty_list"])
def test_over_rest_rows_leave_a_side_empty(served_texts, absent):
    status, answer = embed_over_rest(
        served_texts,
        {"in0": "a dog", "in1": absent},
        {"in0": "", "in1": absent},
    )
    assert status == 200, answer
    expected = served_texts.model.embed(in0=["a dog", ""])
    np.testing.assert_allclose(
        answer["predictions"], expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("texts", [["a dog", "mat"], [""]])
def test_over_rest_a_column_is_an_empty_list(served_texts, texts):
    body = {
        "signature_name": "encoder_embeddings",
        "inputs": {"in0": [], "in1": texts},
    }
    status, answer = rest(served_texts, body)
    assert status == 200, answer
    expected = served_texts.model.embed(in1=texts)
    np.testing.assert_allclose(
        answer["outputs"], expected, rtol=1e-5, atol=1e-6
    )


def test_over_rest_bytes_are_base64(served_texts):
    text = {"b64": base64.b64encode(b"caf\xe9 dog").decode()}
    body = {"instances": [{"in0": text, "in1": "mat"}]}
    status, answer = rest(served_texts, body)
    assert status == 200, answer
    expected = served_texts.model.predict([b"caf\xe9 dog"], ["mat"])
    np.testing.assert_allclose(
        answer["predictions"], expected, rtol=1e-5, atol=1e-6
    )


def test_over_grpc_the_absent_text_may_be_left_out(served_texts):
    predict_over_grpc(served_texts, "encoder_embeddings", in1=[b""])


@pytest.mark.parametrize(
    "instance",
    [{"in0": "dog", "in1": "mat"}, {"in0": "", "in1": ""}],
    ids=["both", "neither"],
)
def test_not_exactly_one_text_is_a_plain_sentence(served_texts, instance):
    status, answer = embed_over_rest(served_texts, instance)
    assert status == 400
    assert ONE_SIDE in answer["error"]


def test_a_list_with_a_text_in_each_row_is_refused(served_texts):
    body = {"instances": [{"in0": ["dog"], "in1": ["mat"]}]}
    status, answer = rest(served_texts, body)
    assert status == 400
    assert "[1,1] is not compatible with expected shape [?]" in answer["error"]
