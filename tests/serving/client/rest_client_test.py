import contextlib
import json
import socket
import threading
import time

import pytest
import requests

from serving.client import RestClient
from serving.client import ServerError


@pytest.fixture
def sent(monkeypatch):
    """What reaches the transport, after the environment has had its say."""
    sent = {}

    def send(self, request, **settings):
        sent.update(settings, url=request.url, headers=request.headers)
        sent["body"] = json.loads(request.body)
        response = requests.Response()
        response.status_code = 200
        response._content = b'{"predictions": [[1.0, 2.0]]}'
        return response

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    monkeypatch.setattr(requests.Session, "send", send)
    return sent


def test_the_callers_certificates_win_over_the_environments(sent):
    with RestClient("https://h", root_certificates="/mine.pem") as client:
        client.embed(in0=[[1]])
    assert sent["verify"] == "/mine.pem"


def test_texts_that_are_no_utf8_are_sent_as_base64(sent):
    with RestClient("h:1") as client:
        client.predict(["caf\u00e9"], [b"\xff"])
    assert sent["body"]["instances"] == [
        {"in0": "caf\u00e9", "in1": {"b64": "/w=="}}
    ]


def test_a_tower_is_sent_its_side_alone(monkeypatch):
    """Rows over REST must have exactly the inputs of the signature."""
    inputs, bodies = {"in0"}, []

    def send(self, request, **settings):
        rows = json.loads(request.body)["instances"]
        bodies.append(rows)
        response = requests.Response()
        response.status_code = 200
        response._content = b'{"predictions": [[1.0, 2.0]]}'
        if {*rows[0]} != inputs:
            wrong = min({*rows[0]} - inputs, default=None)
            response.status_code = 400
            response._content = (
                b'{"error": "keys must be equal to: in0,in1"}'
                if wrong is None
                else b'{"error": "JSON object: does not have named input: in1"}'
            )
        return response

    monkeypatch.setattr(requests.Session, "send", send)
    with RestClient("h:1") as client:
        for _ in range(2):
            assert client.embed(in0=[[3]]).tolist() == [[1, 2]]
        with pytest.raises(ServerError, match="an export of one tower"):
            client.predict([[3]], [[4]])
        inputs.add("in1")
        for _ in range(2):
            client.embed(in0=[[5]])
    whole, alone = {"in0": [3], "in1": []}, {"in0": [3]}
    assert bodies == [
        [whole],
        [alone],
        [alone],
        [{"in0": [3], "in1": [4]}],
        [{"in0": [5]}],
        [{"in0": [5], "in1": []}],
        [{"in0": [5], "in1": []}],
    ]


def test_headers_and_timeout_are_sent(sent):
    with RestClient("h:1", headers={"x-key": "7"}, timeout=2) as client:
        client.embed(in0=[[1]])
    assert sent["headers"]["x-key"] == "7"
    assert 0 < sent["timeout"] <= 2


@pytest.mark.parametrize(
    ("server", "options", "url"),
    [
        ("h:1", {}, "http://h:1/v1/models/model:predict"),
        ("https://h/p/", {}, "https://h/p/v1/models/model:predict"),
        ("h", {"version": 3}, "http://h/v1/models/model/versions/3:predict"),
        ("h", {"label": "a"}, "http://h/v1/models/model/labels/a:predict"),
        (
            "h",
            {"model_name": "a/../b", "label": "c:d?e"},
            "http://h/v1/models/a%2F..%2Fb/labels/c%3Ad%3Fe:predict",
        ),
        (
            "h",
            {"model_name": "é #%41"},
            "http://h/v1/models/%C3%A9%20%23%2541:predict",
        ),
    ],
)
def test_addresses(sent, server, options, url):
    with RestClient(server, **options) as client:
        client.embed(in0=[[1]])
    assert sent["url"] == url


@pytest.mark.parametrize("options", [{"model_name": ".."}, {"label": "."}])
def test_names_that_are_steps_of_a_path_are_refused(options):
    with pytest.raises(ValueError, match="must be a name that a URL can hold"):
        RestClient("h", **options)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def serve(first, then, seconds=0.05):
    """Sends `then` byte by byte; yields the address and who was cut off."""
    cut_off = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    try:
                        connection.sendall(first)
                        for byte in then:
                            connection.sendall(bytes([byte]))
                            time.sleep(seconds)
                    except OSError:
                        cut_off.set()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", cut_off
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", HEAD + b"X-Long: " + b"x" * 40),
        (HEAD + b"Content-Length: 200\r\n\r\n", b"[" * 60),
        (b"HTTP/1.1 100 Continue\r\n\r\n", HEAD),
    ],
    ids=["header", "body", "after_continue"],
)
def test_timeout_is_that_of_the_whole_request(first, then):
    with serve(first, then) as (address, cut_off):
        with RestClient(address, timeout=0.3) as client:
            began = time.monotonic()
            with pytest.raises(ServerError, match="no whole answer within 0.3"):
                client.status()
            assert time.monotonic() - began < 1
        # Nothing is left of the request, neither thread nor connection.
        assert cut_off.wait(5)


def test_slow_answers_in_time_are_answers():
    body = b'{"model_version_status": []}'
    first = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    with serve(first, body, seconds=0.001) as (address, _):
        with RestClient(address) as client:
            assert client.status() == []


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (HEAD + b"Content-Length: 4\r\n\r\n<p/>", "INTERNAL", "is no JSON"),
        (HEAD + b"Content-Length: 9\r\n\r\n{", "UNAVAILABLE", "IncompleteRe"),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\ngone",
            "UNAVAILABLE",
            "gone",
        ),
    ],
    ids=["no_json", "cut_off", "proxy"],
)
def test_broken_answers_are_errors_of_the_server(answer, code, message):
    with serve(answer, b"") as (address, _):
        with RestClient(address, retries=0) as client:
            with pytest.raises(ServerError, match=message) as caught:
                client.status()
    assert caught.value.code == code
