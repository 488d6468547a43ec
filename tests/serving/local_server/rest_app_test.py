"""How requests share threads, time and memory."""

import contextlib
import gzip
import socket
import threading
import time

import pytest
import requests

from serving.local_server import rest_app
from serving.local_server.metrics import Metrics
from serving.local_server.rest_api import AbandonedError
from serving.local_server.rest_api import RestAnswer
from serving.local_server.rest_app import RestApp
from serving.local_server.rest_server import RestServer


class SlowApi:
    """Answers `/v1/wait` when released, all others at once."""

    def __init__(self):
        self.release = threading.Event()
        self.waited = 0
        self.abandoned = 0

    def answer(self, method, path, body, is_abandoned):
        if path == "/v1/wait":
            self.waited += 1
            while not self.release.wait(0.01):
                if is_abandoned():
                    self.abandoned += 1
                    raise AbandonedError
        return RestAnswer(200, b'{"length": %d}' % len(body))


@pytest.fixture
def start():
    """Starts servers of a slow API, with two threads."""
    with contextlib.ExitStack() as stack:

        def start(**arguments):
            api = SlowApi()
            app = RestApp(api, Metrics(), 2, **arguments)
            server = RestServer(app, "127.0.0.1", 0)
            server.start()
            stack.callback(app.close)
            stack.callback(server.stop, 5)
            stack.callback(api.release.set)
            return api, f"http://127.0.0.1:{server.port}/v1/"

        yield start


def in_thread(function, *arguments, **named):
    """Calls in a thread; the list will hold what it returned."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(function(*arguments, **named))
    )
    thread.start()
    return thread, found


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_bodies_on_their_way_are_no_requests_under_way(start, monkeypatch):
    monkeypatch.setattr(rest_app, "MAX_CONCURRENT_REQUESTS", 1)
    _, url = start()
    host, port = url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as peer:
        peer.sendall(
            b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        )
        time.sleep(0.1)
        assert requests.post(url + "x", b"{}").status_code == 200


def test_work_stops_when_its_request_has_timed_out(start):
    api, url = start(timeout_seconds=0.3)
    waiting = [in_thread(requests.post, url + "wait") for _ in range(5)]
    for thread, found in waiting:
        thread.join()
        assert found[0].status_code == 504
    wait_for(lambda: api.abandoned == api.waited)
    assert requests.post(url + "x").status_code == 200


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_large_bodies_leave_threads_to_small_ones(start, encoding):
    api, url = start()
    body = bytes(rest_app._LARGE_BODY_BYTES + 1)
    headers = {"Content-Encoding": encoding}
    waiting = [
        in_thread(
            requests.post,
            url + "wait",
            gzip.compress(body) if encoding else body,
            headers=headers,
        )
        for _ in range(4)
    ]
    wait_for(lambda: api.waited == 2)
    for _ in range(3):
        answer = requests.post(url + "x", gzip.compress(b"{}"), headers=headers)
        assert answer.status_code == 200
    api.release.set()
    for thread, found in waiting:
        thread.join()
        assert found[0].json() == {"length": len(body)}


@pytest.mark.parametrize("size", [2000, 2001])
def test_inflated_bodies_are_limited(start, size):
    _, url = start(max_body_bytes=2000)
    answer = requests.post(
        url + "x",
        gzip.compress(bytes(size)),
        headers={"Content-Encoding": "gzip"},
    )
    if size == 2000:
        assert answer.json() == {"length": size}
    else:
        assert answer.status_code == 413
        error = answer.json()["error"]
        assert error == "Request body of more than 2000 bytes, gzip undone"


def test_faults_are_logged_with_a_short_path(start, monkeypatch, caplog):
    api, url = start()
    monkeypatch.setattr(api, "answer", None)
    assert requests.get(url + 3000 * "x").status_code == 500
    (record,) = caplog.records
    assert len(record.getMessage()) < 300


@pytest.mark.parametrize("has_length", [True, False])
def test_too_large_a_body_is_refused(start, has_length):
    _, url = start(max_body_bytes=5)
    body = b"123456" if has_length else iter([b"123", b"456"])
    answer = requests.post(url + "x", body)
    assert answer.status_code == 413
    assert "5 bytes" in answer.json()["error"]
