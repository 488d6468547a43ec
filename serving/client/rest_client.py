"""Blocking client over REST."""

import base64
import concurrent.futures
import contextlib
import http.client
import socket
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
import requests
from requests.adapters import HTTPAdapter

from serving.client.pair_client import ClientOptions
from serving.client.pair_client import ModelVersion
from serving.client.pair_client import PairClient
from serving.client.server_error import ServerError
from serving.signatures import IN0
from serving.signatures import IN1

# What a server says of rows with other inputs than the signature's.
_OTHER_INPUTS = ("does not have named input", "keys must be equal to")

# HTTP status -> the code that TF Serving maps to it.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestClient(PairClient):
    """Asks a TF Serving server over REST; connections are kept open.

    Args:
        server: `"host:port"`, TF Serving's REST port (8501), or a URL with
            `http://` or `https://`, which may go on with a path.
        root_certificates: File of the authorities to trust. Defaults to
            `None`: the system's.
        headers: Sent with each request. Defaults to `None`.
        **options: Fields of `ClientOptions`, such as `model_name` and
            `timeout`.

    Example:
    >>> client = RestClient("localhost:8501", model_name="o2v", timeout=2)
    >>> client.close()
    """

    def __init__(
        self,
        server: str,
        *,
        root_certificates: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ):
        super().__init__(ClientOptions(**options))
        address = server if "://" in server else f"http://{server}"
        self._target = _target(address.rstrip("/"), self.options)
        self._session = requests.Session()
        adapter = _Adapter(pool_maxsize=self.options.in_flight)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self._session.headers.update(headers or {})
        self._has_both_sides = True
        # Given with each request: what a session holds yields to
        # REQUESTS_CA_BUNDLE in the environment.
        self._verify = True if root_certificates is None else root_certificates

    def status(self):
        answer = self._retried(
            lambda timeout: self._send("GET", self._target, None, timeout)
        )
        return [
            ModelVersion(
                int(version["version"]),
                version["state"],
                version["status"]["error_message"],
            )
            for version in answer["model_version_status"]
        ]

    def metadata(self):
        path = f"{self._target}/metadata"
        return self._retried(
            lambda timeout: self._send("GET", path, None, timeout)
        )

    def close(self):
        super().close()
        self._session.close()

    def _ask(self, call, inputs, timeout):
        # Over REST rows have exactly the inputs of the signature: an absent
        # side is an empty list, but the export of one tower knows no other.
        sides = (IN0, IN1) if self._has_both_sides else tuple(inputs)
        try:
            return self._predictions(call, inputs, sides, timeout)
        except ServerError as error:
            refused = any(sign in error.message for sign in _OTHER_INPUTS)
            if not refused or len(inputs) > 1:
                raise
        sides = tuple(inputs) if self._has_both_sides else (IN0, IN1)
        answer = self._predictions(call, inputs, sides, timeout)
        self._has_both_sides = len(sides) > 1
        return answer

    def _predictions(self, call, inputs, sides, timeout):
        count = len(next(iter(inputs.values())))
        columns = [
            _json_rows(inputs[name]) if name in inputs else [[]] * count
            for name in sides
        ]
        instances = [
            dict(zip(sides, row, strict=True))
            for row in zip(*columns, strict=True)
        ]
        body = {"signature_name": call.signature, "instances": instances}
        path = f"{self._target}:predict"
        answer = self._send("POST", path, body, timeout)
        return np.array(answer["predictions"], np.float32)

    def _send(self, method, url, body, timeout):
        exchange = _Exchange(timeout)
        try:
            response = exchange.run(
                lambda: self._session.request(
                    method, url, json=body, timeout=timeout, verify=self._verify
                )
            )
        except requests.Timeout as error:
            raise ServerError("DEADLINE_EXCEEDED", str(error)) from error
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise ServerError("UNAVAILABLE", str(error)) from error
        if not response.ok:
            raise ServerError(
                _CODES.get(response.status_code, "INTERNAL"),
                _error_text(response),
                response.status_code,
            )
        try:
            return response.json()
        except ValueError as error:
            raise ServerError(
                "INTERNAL",
                f"the server's answer is no JSON: {error}",
                response.status_code,
            ) from error


class _Exchange:
    """One request, which ends in time whatever the server does.

    The time limit of `requests` is for each wait for bytes: a server that
    sends one now and then would keep a caller for ever.

    Args:
        timeout: Seconds.
    """

    _of_thread = threading.local()

    def __init__(self, timeout):
        self._timeout = timeout
        self._is_over = False
        self._connection = None

    def run(self, send):
        answer = concurrent.futures.Future()
        threading.Thread(
            target=self._answer, args=(send, answer), daemon=True
        ).start()
        try:
            return answer.result(self._timeout)
        except TimeoutError:
            raise requests.Timeout(
                f"no whole answer within {self._timeout:.3g} seconds"
            ) from None
        finally:
            self._is_over = True
            if not answer.done():
                self._cut()

    def _answer(self, send, answer):
        self._of_thread.exchange = self
        try:
            answer.set_result(send())
        except BaseException as error:
            answer.set_exception(error)

    def _cut(self):
        """Ends the thread's wait for bytes."""
        held = getattr(self._connection, "sock", None)
        if held is not None:
            with contextlib.suppress(OSError):
                # TLS's own would first ask the server.
                socket.socket.shutdown(held, socket.SHUT_RDWR)

    @classmethod
    def note(cls, connection):
        """Has this thread's exchange know what it goes over."""
        exchange = cls._of_thread.exchange
        exchange._connection = connection
        if exchange._is_over:
            raise TimeoutError("the time for this request is over")


class _NotedConnection(http.client.HTTPConnection):
    def connect(self):
        _Exchange.note(self)
        super().connect()

    def request(self, *arguments: Any, **keywords: Any):
        _Exchange.note(self)
        super().request(*arguments, **keywords)


class _Adapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *arguments: Any, **keywords: Any):
        pool: Any = super().get_connection_with_tls_context(
            *arguments, **keywords
        )
        if not issubclass(pool.ConnectionCls, _NotedConnection):
            bases = (_NotedConnection, pool.ConnectionCls)
            pool.ConnectionCls = type("NotedConnection", bases, {})
        return pool


def _target(address, options):
    url = f"{address}/v1/models/{_quoted('model_name', options.model_name)}"
    if options.version is not None:
        return f"{url}/versions/{options.version:d}"
    if options.label is not None:
        return f"{url}/labels/{_quoted('label', options.label)}"
    return url


def _quoted(argument, name):
    if name in (".", ".."):
        raise ValueError(
            f"`{argument}` must be a name that a URL can hold. "
            f"Received: {argument}={name!r}"
        )
    return urllib.parse.quote(name, safe="")


def _json_rows(values):
    if values.dtype != object:
        return values.tolist()
    return [_json_text(text) for text in values]


def _json_text(text):
    try:
        return text.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(text).decode()}


def _error_text(response):
    try:
        return response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return response.text or response.reason
