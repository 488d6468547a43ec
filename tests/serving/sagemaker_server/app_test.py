import asyncio
import json
import threading
import time

import pytest

from serving.sagemaker_server import app
from serving.sagemaker_server.__main__ import main
from serving.sagemaker_server.app import Application
from tests.export.exports import make_model
from tests.export.exports import write_export


class StubEndpoint:
    """Echoes; `hold` makes it wait for `go_on` and count who is there."""

    def __init__(self, problem="", hold=False, seconds=0.0):
        self.go_on = threading.Event()
        self.at_work = 0
        self.most_at_work = 0
        self._problem = problem
        self._seconds = seconds
        if not hold:
            self.go_on.set()

    def problem(self):
        time.sleep(self._seconds)
        return self._problem

    def invoke(self, body, content_type, accept):
        if body == b"crash":
            raise RuntimeError("/secret/path")
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.go_on.wait(10)
        self.at_work -= 1
        return body + content_type.encode(), accept


def ask(method, path, body=b"", headers=(), max_body_bytes=100, endpoint=None):
    """Sends one request; returns status, headers and body."""
    application = Application(endpoint or StubEndpoint(), max_body_bytes)
    request = send_to(application, method, path, body, headers)
    return asyncio.run(request)


async def send_to(
    application, method="POST", path="/invocations", body=b"", headers=()
):
    """Sends the body in two parts; returns status, headers and body."""
    half = len(body) // 2
    messages = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    sent = []

    async def receive():
        if not messages:
            await asyncio.sleep(10)
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in headers],
    }
    if method == "HALF":
        scope["method"] = "POST"
        messages.pop()
    await application(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_ping():
    assert ask("GET", "/ping")[0] == 200


def test_invocations_pass_body_and_headers_on():
    status, headers, body = ask(
        "POST",
        "/invocations",
        b"abc",
        [("content-type", "x/y"), ("accept", "a/b")],
    )
    assert (status, body) == (200, b"abcx/y")
    assert headers[b"content-type"] == b"a/b"
    assert headers[b"content-length"] == b"6"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/", 404)],
)
def test_other_routes_are_named(method, path, status):
    answered, _, body = ask(method, path)
    assert answered == status
    assert "POST /invocations" in json.loads(body)["error"]


def test_a_large_body_is_refused():
    status, _, body = ask("POST", "/invocations", b"x" * 101)
    assert status == 413
    assert "100 bytes" in json.loads(body)["error"]


def test_a_crash_is_logged_and_not_shown(caplog):
    status, _, body = ask("POST", "/invocations", b"crash")
    assert status == 500
    assert b"/secret/path" not in body
    assert "/secret/path" in caplog.text


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (StubEndpoint(problem="it is gone"), b"it is gone"),
        (StubEndpoint(seconds=0.3), b"is silent for 0.1 s"),
    ],
    ids=["gone", "silent"],
)
def test_a_ping_asks_for_the_model(endpoint, message, monkeypatch):
    monkeypatch.setattr(app, "_PING_SECONDS", 0.1)
    status, headers, body = ask("GET", "/ping", endpoint=endpoint)
    assert status == 503
    assert message in body
    assert headers[b"retry-after"] == b"1"


def _run_together(endpoint, bodies, at_work, **limits):
    """Sends bodies at once, lets the endpoint go on when so many are there."""
    application = Application(endpoint, **limits)

    async def run():
        requests = [
            asyncio.create_task(send_to(application, body=body))
            for body in bodies
        ]
        while endpoint.at_work < at_work:
            await asyncio.sleep(0.01)
        ping = await send_to(application, "GET", "/ping")
        endpoint.go_on.set()
        return ping[0], [await request for request in requests]

    ping, answers = asyncio.run(run())
    assert ping == 200
    # All is free again.
    assert asyncio.run(send_to(application, body=bodies[0]))[0] == 200
    return answers


def test_requests_beyond_the_limit_are_told_to_come_later():
    endpoint = StubEndpoint(hold=True)
    answers = _run_together(endpoint, [b"ab"] * 9, 3, max_requests=3)
    statuses = [status for status, _, _ in answers]
    assert sorted(statuses) == [200] * 3 + [429] * 6
    refused = answers[statuses.index(429)]
    assert b"3 requests are under way" in refused[2]
    assert refused[1][b"retry-after"] == b"1"


def test_bodies_take_turns_by_their_size():
    endpoint = StubEndpoint(hold=True)
    answers = _run_together(endpoint, [b"x" * 40] * 8, 2, max_body_bytes=100)
    assert [status for status, _, _ in answers] == [200] * 8
    assert endpoint.most_at_work == 2


def test_bodies_beyond_the_memory_for_them_are_refused():
    endpoint = StubEndpoint(hold=True)
    answers = _run_together(endpoint, [b"x" * 80] * 7, 1, max_body_bytes=100)
    statuses = [status for status, _, _ in answers]
    assert sorted(statuses) == [200] * 5 + [429] * 2
    assert b"more than 400 bytes" in answers[statuses.index(429)][2]


def test_a_body_that_stays_half_sent_is_given_up(monkeypatch):
    monkeypatch.setattr(app, "_SECONDS_WITHOUT_DATA", 0.1)
    application = Application(StubEndpoint(), 100)
    for _ in range(5):
        halted = send_to(application, "HALF", body=b"x" * 200)
        status, _, body = asyncio.run(halted)
        assert status == 408
        assert b"without a pause of 0.1" in body
    whole = send_to(application, body=b"x" * 100)
    assert asyncio.run(whole)[0] == 200


@pytest.mark.parametrize("name", ["max_body_bytes", "max_requests"])
def test_limits_are_at_least_1(name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1"):
        Application(StubEndpoint(), **{name: 0})


def test_a_tower_has_not_the_scores_that_are_preferred(
    tmp_path, monkeypatch, capsys
):
    model = make_model({"enc0_network": "pooled_embedding"})
    write_export(model, tmp_path, mode="in0")
    monkeypatch.setenv("INFERENCE_PREFERRED_MODE", "classification")
    assert main(["--saved-model", str(tmp_path)]) == 2
    assert "is the tower of in0 alone" in capsys.readouterr().err
