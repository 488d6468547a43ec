"""HTTP around the REST API: methods, paths, headers, encodings, limits."""

import gzip
import http.client
import json
import socket

import pytest
import requests

from serving.local_server.limits import MAX_BODY_BYTES

BODY = b'{"instances": [1.0, 2.0]}'
ANSWER = {"predictions": [2.5, 3.0]}


def ask(server, method, path, body=None, headers=None):
    """Sends a path as it is; `requests` would tidy it up."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_api_port, timeout=60
    )
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer


def test_answers_have_these_headers_only(server):
    answer = ask(server, "POST", "/v1/models/half:predict", BODY)
    assert json.loads(answer.text) == ANSWER
    assert {name.lower() for name in answer.headers} == {
        "content-type",
        "content-length",
        "date",
    }
    assert answer.headers["Content-Type"] == "application/json"


def test_connections_are_kept(rest_url):
    with requests.Session() as session:
        for _ in range(3):
            answer = session.post(f"{rest_url}/v1/models/half:predict", BODY)
            assert answer.json() == ANSWER
            assert "connection" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/h%61lf:predict", 200),
        ("/V1/MODELS/half/VERSIONS/123:predict", 200),
        ("/v1/models/half/labels/st%61ble:predict", 200),
        ("/v1/models/h+lf:predict", 404),
        ("/v1/models/half:PREDICT", 400),
        ("/v1/models/half:predict?x=1", 400),
        ("/v1/models/half:predict/", 400),
        ("/v1/models/half/versions/12x:predict", 400),
        ("/v1/models:predict", 400),
        ("//v1/models/half:predict", 404),
    ],
)
def test_posts_to_paths(server, path, status):
    answer = ask(server, "POST", path, BODY)
    assert answer.status == status
    if status == 400:
        error = json.loads(answer.text)["error"]
        assert error == f"Malformed request: POST {path}"


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/versions/3", 400, "Missing model name in request."),
        ("/v1/models/half?x=1", 404, "versions of model half?x=1"),
        (
            "/v1/models/half/versions/9",
            404,
            "Could not find version 9 of model",
        ),
        pytest.param(
            f"/v1/models/half/versions/{5000 * '1'}", 400, "", id="5000_digits"
        ),
        pytest.param(
            f"/v1/models/half/versions/{5000 * '0'}123",
            200,
            '"123"',
            id="zeros",
        ),
        ("/v1/models/%FF", 404, "Could not find any versions of model"),
        ("/v1/models/half/labels/x/metadata", 400, "Unrecognized servable"),
        ("/v1/models/ghost/metadata", 404, "Servable not found for request"),
        ("/v1/models/half/labels/stable/metadata", 200, '"123"'),
    ],
)
def test_gets_paths(server, path, status, part):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_api_port)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == status
    assert part.encode() in answer.read()
    connection.close()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_malformed_requests(server, method):
    answer = ask(server, method, "/v1/models/half")
    assert answer.status == 400
    assert "Malformed request" in answer.text


@pytest.mark.parametrize("method", ["TRACE", "FOO"])
def test_methods_that_http_servers_refuse(server, method):
    answer = ask(server, method, "/v1/models/half")
    assert answer.status == 501
    assert answer.headers["Content-Type"] == "text/html"


def test_other_paths_close_the_connection(server):
    answer = ask(server, "GET", "/index.html")
    assert answer.status == 404
    assert "<H1>Not Found</H1>" in answer.text
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://a.b", 200), ("http://a.b", 200), ("ftp://a.b", 400)],
)
def test_options_want_the_origin_of_a_site(server, origin, status):
    headers = {"Origin": origin}
    answer = ask(server, "OPTIONS", "/v1/models/half", headers=headers)
    assert (answer.status, answer.text) == (status, "")
    assert answer.headers["Content-Type"] is None


@pytest.mark.parametrize("path", ["/v1/models/half", "/v1/models/ghost"])
def test_cross_origin_headers_are_optional(server, open_server, path):
    name = "Access-Control-Allow-Origin"
    assert ask(server, "GET", path).headers[name] is None
    assert ask(open_server, "GET", path).headers[name] == "*"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_bodies_may_be_zipped(server, encoding):
    headers = {"Content-Encoding": encoding}
    path = "/v1/models/half:predict"
    answer = ask(server, "POST", path, gzip.compress(BODY), headers)
    assert json.loads(answer.text) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BODY, id="no_gzip"),
        pytest.param(gzip.compress(BODY)[:-9], id="cut"),
        pytest.param(gzip.compress(bytes(MAX_BODY_BYTES + 1)), id="too_large"),
    ],
)
def test_bodies_that_cannot_be_unzipped_are_empty(server, body):
    headers = {"Content-Encoding": "gzip"}
    answer = ask(server, "POST", "/v1/models/half:predict", body, headers)
    assert answer.status == 400
    assert "The document is empty" in answer.text


def test_bodies_may_come_in_chunks(rest_url):
    chunks = iter([BODY[:7], BODY[7:]])
    answer = requests.post(f"{rest_url}/v1/models/half:predict", data=chunks)
    assert answer.json() == ANSWER


def test_too_large_a_body_is_refused_by_its_length(server):
    with socket.create_connection(("127.0.0.1", server.rest_api_port)) as peer:
        peer.sendall(
            b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
        )
        # Until the server closes the connection.
        answer = peer.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "Request body of more than 100000000 bytes" in answer


def test_no_http_gets_an_answer(server):
    with socket.create_connection(("127.0.0.1", server.rest_api_port)) as peer:
        peer.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert peer.makefile("rb").read().startswith(b"HTTP/1.1 400")


def test_metrics_are_off_unless_configured(server):
    answer = ask(server, "GET", "/monitoring/prometheus/metrics")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/html"


def test_metrics_count_requests(open_server):
    ask(open_server, "POST", "/v1/models/mv:predict", b'{"instances": [1]}')
    ask(open_server, "POST", "/v1/models/mv:predict", b"no JSON")
    ask(open_server, "GET", "/v1/models/stranger")
    answer = ask(open_server, "GET", "/monitoring/prometheus/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain"
    lines = answer.text.splitlines()
    count = ":tensorflow:serving:request_count"
    assert f'{count}{{model_name="mv",status="OK"}} 1' in lines
    assert f'{count}{{model_name="mv",status="INVALID_ARGUMENT"}} 1' in lines
    labels = 'model_name="mv",API="predict",entrypoint="REST"'
    latency = ":tensorflow:serving:request_latency"
    assert f"{latency}_count{{{labels}}} 1" in lines
    assert f'{latency}_bucket{{{labels},le="+Inf"}} 1' in lines
    runtime = 'model_name="mv",API="Predict",runtime="TF1"'
    assert f":tensorflow:serving:runtime_latency_count{{{runtime}}} 1" in lines
    loads = ":tensorflow:cc:saved_model:load_attempt_count"
    assert f'{loads}{{model_path="mv/1",status="success"}} 1' in lines
    # Strangers' names would fill the memory.
    assert "stranger" not in answer.text
    assert str(open_server.rest_api_port) not in answer.text
