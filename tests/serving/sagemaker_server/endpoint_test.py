import json

import numpy as np
import pytest

from serving.client.pair_client import ModelVersion
from serving.client.server_error import ServerError
from serving.sagemaker_server import endpoint as module
from serving.sagemaker_server.bodies import BadRequest
from serving.sagemaker_server.endpoint import Endpoint

JSON = "application/json"
LINES = "application/jsonlines"


class StubModel:
    """Scores are the sides' sums; an embedding is the ids' sum and number."""

    def predict(self, in0, in1):
        pairs = zip(in0, in1, strict=True)
        return np.array([[sum(a), sum(b)] for a, b in pairs], np.float32)

    def embed(self, in0=None, in1=None):
        sign = 1 if in1 is None else -1
        rows = in0 if in1 is None else in1
        return np.array([[sign * sum(r), len(r)] for r in rows], np.float32)


@pytest.fixture
def endpoint():
    return Endpoint(StubModel())


def invoke(endpoint, body, content_type=JSON, accept=""):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return endpoint.invoke(body, content_type, accept)


def test_pairs_are_scored(endpoint):
    body = {
        "instances": [
            {"in0": [1, 2, 3], "in1": [4]},
            {"in0": [5], "in1": [6, 7], "label": 1},
        ]
    }
    answer, content_type = invoke(endpoint, body)
    assert json.loads(answer) == {
        "predictions": [{"scores": [6.0, 4.0]}, {"scores": [5.0, 13.0]}]
    }
    assert content_type == JSON


def test_one_side_is_embedded_and_kinds_may_mix(endpoint):
    body = {
        "instances": [
            {"in1": [1, 2]},
            {"in0": [3]},
            {"in0": [3], "in1": [4]},
            {"in0": [5, 6]},
        ]
    }
    predictions = json.loads(invoke(endpoint, body)[0])["predictions"]
    assert predictions == [
        {"embeddings": [-3.0, 2.0]},
        {"embeddings": [3.0, 1.0]},
        {"scores": [3.0, 4.0]},
        {"embeddings": [11.0, 2.0]},
    ]


@pytest.mark.parametrize("accept", ["", "*/*", JSON, LINES])
def test_lines_in_and_the_accepted_type_out(endpoint, accept):
    body = b'{"in0": [1], "in1": [2]}\n\n{"in0": [3], "in1": [4]}\n'
    answer, content_type = invoke(endpoint, body, LINES, accept)
    if accept == LINES:
        rows = [json.loads(line) for line in answer.splitlines()]
    else:
        rows = json.loads(answer)["predictions"]
    assert rows == [{"scores": [1.0, 2.0]}, {"scores": [3.0, 4.0]}]
    assert content_type == (LINES if accept == LINES else JSON)


def test_infer_max_seqlens_cuts_each_side(endpoint):
    content_type = f"{JSON}; infer_max_seqlens=2,1"
    body = {"instances": [{"in0": [1, 2, 4]}, {"in1": [8, 16]}]}
    predictions = json.loads(invoke(endpoint, body, content_type)[0])
    assert predictions["predictions"] == [
        {"embeddings": [3.0, 2.0]},
        {"embeddings": [-8.0, 1.0]},
    ]


class TextModel:
    """Answers how it was asked."""

    def predict(self, in0, in1):
        return np.array(
            [[len(a), sum(b)] for a, b in zip(in0, in1, strict=True)]
        )

    def embed(self, in0=None, in1=None):
        return np.array([[len(text)] for text in in0])


def test_texts_are_scored_and_embedded():
    body = {
        "instances": [
            {"in0": "a dog", "in1": [5, 6]},
            {"in0": ""},
            {"in0": "42", "in1": [1]},
        ]
    }
    predictions = json.loads(invoke(Endpoint(TextModel()), body)[0])
    assert predictions["predictions"] == [
        {"scores": [5, 11]},
        {"embeddings": [0]},
        {"scores": [2, 1]},
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (
            {"instances": [{"in0": [1]}, {"in0": "a"}]},
            JSON,
            400,
            r"instances\[1\].in0 must be a text if instances\[0\].in0 is one",
        ),
        (
            b'{"in1": "a"}\n{"in0": [2]}\n{"in1": [3]}',
            LINES,
            400,
            r"line 3.in1 must be a text if line 1.in1 is one",
        ),
        (
            {"instances": [{"in0": "a"}]},
            f"{JSON}; infer_max_seqlens=1,1",
            400,
            r"infer_max_seqlens cuts lists of ids, and .*\.in0 is a text",
        ),
        (
            b'{"instances": [{"in0": "\\ud800"}]}',
            JSON,
            400,
            "must be a text that UTF-8 can hold",
        ),
        ([1], JSON, 400, r'The body must be \{"instances"'),
        ({"instances": 3}, JSON, 400, r'The body must be \{"instances"'),
        ({"instances": []}, JSON, 400, "at least one record"),
        ({"instances": [3]}, JSON, 400, r"instances\[0\] must be an object"),
        ({"instances": [{}]}, JSON, 400, r'instances\[0\] must have "in0"'),
        ({"instances": [{"in0": 3}]}, JSON, 400, r"\[0\].in0 must be a list"),
        (
            {"instances": [{"in0": [1], "in1": None}]},
            JSON,
            400,
            r"\[0\].in1 must be ids or a text; leave the side out",
        ),
        ({"instances": [{"in0": []}]}, JSON, 400, "at least one integer id"),
        ({"instances": [{"in0": [1.0]}]}, JSON, 400, "integer id"),
        ({"instances": [{"in0": [True]}]}, JSON, 400, "integer id"),
        ({"instances": [{"in0": [-1]}]}, JSON, 400, "ids from 0 on"),
        ({"instances": [{"in0": [2**63]}]}, JSON, 400, "ids from 0 on"),
        (b"{", JSON, 400, "The body must be JSON"),
        (b'{"in0": [1]}\n{', LINES, 400, "Line 2 must be JSON"),
        (b"1,2", "text/csv", 415, "Content-Type must be .* Received: text/c"),
        (b"1,2", "", 415, "Received: none"),
        ({}, f"{JSON}; infer_max_seqlens=3", 400, "must be two lengths"),
        ({}, f"{JSON}; infer_max_seqlens=0,1", 400, "must be two lengths"),
    ],
)
def test_a_bad_request_says_what_to_change(
    endpoint, body, content_type, status, message
):
    with pytest.raises(BadRequest, match=message) as caught:
        invoke(endpoint, body, content_type)
    assert caught.value.status == status


def test_deep_nesting_is_a_bad_request(endpoint):
    with pytest.raises(BadRequest, match="must be JSON"):
        invoke(endpoint, b"[" * 100_000)


def test_another_accept_is_406(endpoint):
    body = {"instances": [{"in0": [1]}]}
    with pytest.raises(BadRequest, match="Accept must be") as caught:
        invoke(endpoint, body, accept="text/html")
    assert caught.value.status == 406


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("FAILED_PRECONDITION", 400),
        ("OUT_OF_RANGE", 400),
        ("RESOURCE_EXHAUSTED", 429),
        ("UNAVAILABLE", 503),
        ("NOT_FOUND", 503),
        ("CANCELLED", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNKNOWN", 500),
        ("DATA_LOSS", 500),
        ("ABORTED", 500),
        ("ALREADY_EXISTS", 500),
        ("PERMISSION_DENIED", 500),
        ("UNAUTHENTICATED", 500),
    ],
)
def test_the_models_own_errors_keep_their_message(code, status):
    class Failing(StubModel):
        def predict(self, in0, in1):
            raise ServerError(code, "in0 holds id 99")

    body = {"instances": [{"in0": [99], "in1": [1]}]}
    with pytest.raises(BadRequest, match="in0 holds id 99") as caught:
        invoke(Endpoint(Failing()), body)
    assert caught.value.status == status


class ServerModel(StubModel):
    """A client, by what it knows of its server."""

    def __init__(self, states):
        self._states = states

    def status(self):
        if self._states is None:
            raise ServerError("UNAVAILABLE", "connection refused")
        return [ModelVersion(n, s, "") for n, s in enumerate(self._states)]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (StubModel(), ""),
        (ServerModel(["AVAILABLE", "END"]), ""),
        (ServerModel(["LOADING", "END"]), "has no version of the model"),
        (ServerModel([]), "has no version of the model"),
        (ServerModel(None), "UNAVAILABLE: connection refused"),
    ],
)
def test_the_model_is_there_or_not(model, problem):
    found = Endpoint(model).problem()
    assert problem in found
    assert bool(problem) == bool(found)


def test_many_records_are_answered_in_pieces_and_order(endpoint, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 4)
    records = [{"in0": [n]} if n % 3 else {"in1": [n]} for n in range(1, 30)]
    answer = invoke(endpoint, {"instances": records})[0]
    numbers = [
        abs(row["embeddings"][0]) for row in json.loads(answer)["predictions"]
    ]
    assert numbers == [*range(1, 30)]


def test_an_answer_that_memory_may_not_hold_is_refused(endpoint, monkeypatch):
    monkeypatch.setattr(module, "_MAX_NUMBERS", 10)
    records = [{"in0": [1]}] * 5
    assert invoke(endpoint, {"instances": records})
    with pytest.raises(BadRequest, match="at most 5 records .* 2 numbers") as e:
        invoke(endpoint, {"instances": records * 2})
    assert e.value.status == 413
