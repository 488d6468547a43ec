import asyncio
import json

import pytest

from serving.sagemaker_server.app import Application


class StubEndpoint:
    def invoke(self, body, content_type, accept):
        if body == b"crash":
            raise RuntimeError("/secret/path")
        return body + content_type.encode(), accept


def ask(method, path, body=b"", headers=(), max_body_bytes=100):
    """Sends the body in two parts; returns status, headers and body."""
    half = len(body) // 2
    messages = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in headers],
    }
    application = Application(StubEndpoint(), max_body_bytes)
    asyncio.run(application(scope, receive, send))
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
