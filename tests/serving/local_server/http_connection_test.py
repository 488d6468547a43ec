"""Clients that send too little, too slowly, too much or strangely."""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
import time

import pytest

from serving.local_server import http_connection
from serving.local_server.http_connection import ConnectionLimits
from serving.local_server.rest_server import RestServer

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class EchoApp:
    """Answers with the body, or with 20 MB; holds requests of `/held`."""

    def __init__(self):
        self.requests = 0
        self.release = threading.Event()

    async def __call__(self, scope, receive, send):
        self.requests += 1
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        while scope["path"] == "/held" and not self.release.is_set():
            await asyncio.sleep(0.01)
        if scope["path"] == "/long":
            body = bytes(20_000_000)
        length = (b"content-length", b"%d" % len(body))
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(**limits):
    app = EchoApp()
    server = RestServer(app, "127.0.0.1", 0, ConnectionLimits(**limits))
    server.app = app
    server.start()
    yield server
    app.release.set()
    server.stop(5)


def post(body, path="/", length=None):
    length = len(body) if length is None else length
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(),
        length,
        body,
    )


@contextlib.contextmanager
def connected(server, sent=b""):
    with socket.create_connection(("127.0.0.1", server.port), 20) as peer:
        peer.sendall(sent)
        yield peer


def all_of(peer):
    """What comes until the server closes the connection."""
    with contextlib.suppress(ConnectionResetError):
        return peer.makefile("rb").read()
    return b""


def ask(server):
    with connected(server, GET) as peer:
        return peer.recv(1000)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("sent", "limit", "expected"),
    [
        pytest.param(b"", "idle_seconds", b"", id="nothing"),
        pytest.param(
            b"GET / HT", "header_seconds", b"The headers of the", id="headers"
        ),
        pytest.param(
            post(b"ab", length=9), "body_seconds", b"The body of the", id="body"
        ),
    ],
)
def test_what_is_not_sent_in_time_is_given_up(sent, limit, expected):
    with serving(**{limit: 0.2}) as server, connected(server, sent) as peer:
        start = time.monotonic()
        answer = all_of(peer)
        assert time.monotonic() - start < 10
        assert expected in answer
        assert answer.startswith(b"HTTP/1.1 408" if expected else b"")


def test_bytes_that_trickle_do_not_prolong_the_headers():
    with serving(header_seconds=0.3) as server, connected(server) as peer:
        with pytest.raises(OSError):
            for _ in range(300):
                peer.sendall(b"G")
                time.sleep(0.05)


def test_a_body_may_take_long_while_it_comes_on(monkeypatch):
    monkeypatch.setattr(http_connection, "_PROGRESS_BYTES", 10)
    with serving(body_seconds=0.5) as server:
        with connected(server, post(b"", length=80)) as peer:
            for _ in range(8):
                time.sleep(0.15)
                peer.sendall(b"0123456789")
            assert peer.recv(1000).startswith(b"HTTP/1.1 200")


def test_one_connection_too_many_closes_the_one_that_waits_longest():
    with serving(max_connections=3) as server:
        with (
            connected(server) as oldest,
            connected(server, post(b"a", length=9)) as other,
            connected(server, GET) as newest,
        ):
            assert newest.recv(1000).startswith(b"HTTP/1.1 200")
            assert ask(server).startswith(b"HTTP/1.1 200")
            assert all_of(oldest) == b""
            other.sendall(b"23456789")
            assert other.recv(1000).startswith(b"HTTP/1.1 200")


def test_connections_with_a_request_under_way_are_kept():
    with serving(max_connections=1) as server:
        with connected(server, post(b"a", "/held")) as peer:
            wait_for(lambda: server.app.requests)
            for _ in range(3):
                with connected(server) as idle:
                    assert all_of(idle) == b""
            server.app.release.set()
            assert peer.recv(1000).startswith(b"HTTP/1.1 200")


def test_half_of_the_open_files_is_left_to_others(monkeypatch):
    monkeypatch.setattr(http_connection.resource, "getrlimit", lambda _: (4, 4))
    with serving() as server:
        with connected(server) as oldest, connected(server) as other:
            assert ask(server).startswith(b"HTTP/1.1 200")
            assert all_of(oldest) == b""
            other.sendall(GET)
            assert other.recv(1000).startswith(b"HTTP/1.1 200")


def test_missing_file_descriptors_are_logged_once(caplog):
    context = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
    }
    with serving() as server, connected(server) as idle:
        wait_for(lambda: server._server.server_state.connections)
        loop = next(iter(server._server.server_state.connections)).loop
        for _ in range(50):
            loop.call_soon_threadsafe(loop.call_exception_handler, context)
        assert all_of(idle) == b""
        assert ask(server).startswith(b"HTTP/1.1 200")
    (record,) = caplog.records
    assert "Raise the limit of open files" in record.getMessage()


def test_bodies_together_are_limited(monkeypatch):
    monkeypatch.setattr(http_connection, "_MAX_BODIES_BYTES", 3000)
    with serving() as server:
        first = post(bytes(2000), length=3000)
        with connected(server, first) as oldest:
            wait_for(lambda: server.app.requests)
            with connected(server, post(bytes(2000))) as peer:
                assert peer.recv(1000).startswith(b"HTTP/1.1 200")
            answer = all_of(oldest)
            assert answer.startswith(b"HTTP/1.1 429")
            assert b"Bodies of more than 3000 bytes at a time" in answer
        # Those that have ended count no more.
        for _ in range(3):
            with connected(server, post(bytes(2000))) as peer:
                assert peer.recv(1000).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_is_given_up():
    with serving(body_seconds=0.2) as server:
        with connected(server, post(b"", "/long")):
            wait_for(lambda: server.app.requests)
            wait_for(lambda: not server._server.server_state.connections)


@pytest.mark.parametrize("path", ["/", "/held", "/long"])
def test_a_client_that_closes_its_half_gets_its_answer(path):
    with serving() as server, connected(server, post(b"abc", path)) as peer:
        peer.shutdown(socket.SHUT_WR)
        wait_for(lambda: server.app.requests)
        server.app.release.set()
        answer = all_of(peer)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(bytes(20_000_000) if path == "/long" else b"abc")


def test_requests_one_behind_the_other_are_answered_after_half_closing():
    with serving() as server:
        with connected(server, post(b"abc", "/held") + post(b"def")) as peer:
            peer.shutdown(socket.SHUT_WR)
            wait_for(lambda: server.app.requests)
            server.app.release.set()
            answers = all_of(peer)
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.endswith(b"def")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", post(b"ab", length=9)])
def test_half_a_request_is_dropped_when_the_client_leaves(sent):
    with serving() as server, connected(server, sent) as peer:
        peer.shutdown(socket.SHUT_WR)
        assert all_of(peer) == b""


def test_two_lengths_of_one_body_are_refused():
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with serving() as server, connected(server, request + GET) as peer:
        answer = all_of(peer)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"both Content-Length and Transfer-Encoding" in answer
        assert server.app.requests == 0


@pytest.mark.parametrize("sent", [GET[:9], post(b"ab", length=9)])
def test_half_a_request_does_not_delay_the_stop(sent, monkeypatch):
    monkeypatch.setattr(http_connection, "_CLOSING_SECONDS", 0.2)
    with serving() as server, connected(server, sent):
        wait_for(lambda: server._server.server_state.connections)
        start = time.monotonic()
        server.stop(30)
        assert time.monotonic() - start < 10


def test_a_body_may_still_come_while_the_server_stops():
    with serving() as server, connected(server, post(b"ab", length=4)) as peer:
        wait_for(lambda: server.app.requests)
        stop = threading.Thread(target=server.stop, args=(20,))
        stop.start()
        time.sleep(0.3)
        peer.sendall(b"cd")
        assert all_of(peer).endswith(b"abcd")
        stop.join()


def test_strange_requests_leave_the_log_alone(caplog):
    caplog.set_level(logging.INFO)
    with (
        serving() as server,
        connected(server, b"\x16\x03 hello\r\n\r\n") as peer,
    ):
        assert all_of(peer).startswith(b"HTTP/1.1 400")
    assert not [r for r in caplog.records if r.name.startswith("uvicorn")]


@pytest.mark.parametrize("port", [None, 70_000])
def test_a_port_that_cannot_be_bound_is_named(port):
    with serving() as server:
        port = port or server.port
        with pytest.raises(OSError, match=f"cannot listen on port {port} of"):
            RestServer(server.app, "127.0.0.1", port)
