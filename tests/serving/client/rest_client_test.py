import json

import pytest
import requests

from serving.client import RestClient


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
    ],
)
def test_addresses(sent, server, options, url):
    with RestClient(server, **options) as client:
        client.embed(in0=[[1]])
    assert sent["url"] == url
