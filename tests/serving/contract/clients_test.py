"""What a client may rely on, whichever server answers."""

import asyncio

import numpy as np
import pytest

from serving.client import AsyncGrpcClient
from serving.client import GrpcClient
from serving.client import RestClient
from serving.client import ServerError

IN0 = [[3, 1, 2], [5], [7, 8], [1, 2, 3, 4, 5, 6, 7, 8, 9]]
IN1 = [[4], [6, 7], [9, 9, 9], [1]]


@pytest.fixture(params=["grpc", "rest"])
def client(request, served):
    if request.param == "grpc":
        client = GrpcClient(served.grpc, model_name=served.name, batch_size=3)
    else:
        client = RestClient(served.rest, model_name=served.name, batch_size=3)
    with client:
        yield client


def test_scores_are_the_models(client, served):
    expected = served.model.predict(IN0, IN1)
    scores = client.predict(IN0, IN1)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", ["in0", "in1"])
def test_embeddings_are_that_sides(client, served, side):
    rows = {"in0": IN0, "in1": IN1}[side]
    expected = served.model.embed(**{side: rows})
    embeddings = client.embed(**{side: rows})
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def test_an_empty_row_has_a_defined_answer(client):
    assert np.isfinite(client.embed(in0=[[], [1]])).all()


def test_an_id_outside_the_vocabulary_is_a_sentence(client):
    with pytest.raises(ServerError, match="in0 holds id 99999") as caught:
        client.embed(in0=[[99999]])
    assert caught.value.code == "INVALID_ARGUMENT"


def test_status_names_an_available_version(client):
    newest = client.status()[0]
    assert newest.state == "AVAILABLE"
    assert newest.version >= 1


def test_metadata_describes_both_signatures(client):
    signatures = client.metadata()["metadata"]["signature_def"]
    signatures = signatures["signature_def"]
    scores = signatures["serving_default"]
    assert scores["inputs"].keys() == {"in0", "in1"}
    assert scores["inputs"]["in0"]["dtype"] == "DT_INT64"
    assert scores["outputs"].keys() == {"scores"}
    assert signatures["encoder_embeddings"]["outputs"].keys() == {"embeddings"}


def test_an_unknown_model_is_not_found(client, served):
    kind, address = type(client), served.grpc
    if kind is RestClient:
        address = served.rest
    with kind(address, model_name="nobody") as other:
        with pytest.raises(ServerError, match="Servable not found") as caught:
            other.embed(in0=[[1]])
    assert caught.value.code == "NOT_FOUND"


def test_an_unknown_version_is_not_found(client, served):
    kind, address = type(client), served.grpc
    if kind is RestClient:
        address = served.rest
    with kind(address, model_name=served.name, version=987654) as other:
        with pytest.raises(ServerError, match="987654"):
            other.embed(in0=[[1]])


def test_a_server_that_is_not_there_is_unavailable():
    for kind in (GrpcClient, RestClient):
        with kind("127.0.0.1:9", retries=1, timeout=3) as nobody:
            with pytest.raises(ServerError) as caught:
                nobody.embed(in0=[[1]])
        assert caught.value.code == "UNAVAILABLE"


def test_the_async_client_gives_the_same(served):
    async def ask():
        async with AsyncGrpcClient(
            served.grpc, model_name=served.name, batch_size=2
        ) as client:
            scores = await client.predict(IN0, IN1)
            embeddings = await client.embed(in1=IN1)
            with pytest.raises(BaseExceptionGroup) as caught:
                await client.embed(in0=[[99999]])
            return scores, embeddings, await client.status(), caught

    scores, embeddings, status, caught = asyncio.run(ask())
    expected = served.model.predict(IN0, IN1)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    expected = served.model.embed(in1=IN1)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)
    assert status[0].state == "AVAILABLE"
    assert isinstance(caught.value.exceptions[0], ServerError)
