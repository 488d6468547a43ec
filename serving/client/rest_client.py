"""Blocking client over REST."""

import base64
from collections.abc import Mapping

import numpy as np
import requests

from serving.client.pair_client import ClientOptions
from serving.client.pair_client import ModelVersion
from serving.client.pair_client import PairClient
from serving.client.server_error import ServerError
from serving.signatures import IN0
from serving.signatures import IN1

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
        **options,
    ):
        super().__init__(ClientOptions(**options))
        address = server if "://" in server else f"http://{server}"
        self._url = f"{address.rstrip('/')}/v1/models/{self.options.model_name}"
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(
            pool_maxsize=self.options.in_flight
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self._session.headers.update(headers or {})
        # Given with each request: what a session holds yields to
        # REQUESTS_CA_BUNDLE in the environment.
        self._verify = True if root_certificates is None else root_certificates

    def status(self):
        answer = self._retried(
            lambda timeout: self._send("GET", self._target(), None, timeout)
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
        path = f"{self._target()}/metadata"
        return self._retried(
            lambda timeout: self._send("GET", path, None, timeout)
        )

    def close(self):
        super().close()
        self._session.close()

    def _ask(self, call, inputs, timeout):
        count = len(next(iter(inputs.values())))
        # Over REST an absent side is an empty list in every row, whether it
        # would be ids or texts.
        sides = {
            name: _json_rows(inputs[name]) if name in inputs else [[]] * count
            for name in (IN0, IN1)
        }
        instances = [
            {IN0: in0, IN1: in1}
            for in0, in1 in zip(sides[IN0], sides[IN1], strict=True)
        ]
        body = {"signature_name": call.signature, "instances": instances}
        path = f"{self._target()}:predict"
        answer = self._send("POST", path, body, timeout)
        return np.array(answer["predictions"], np.float32)

    def _target(self):
        if self.options.version is not None:
            return f"{self._url}/versions/{self.options.version}"
        if self.options.label is not None:
            return f"{self._url}/labels/{self.options.label}"
        return self._url

    def _send(self, method, url, body, timeout):
        try:
            response = self._session.request(
                method, url, json=body, timeout=timeout, verify=self._verify
            )
        except requests.Timeout as error:
            raise ServerError("DEADLINE_EXCEEDED", str(error)) from error
        except requests.ConnectionError as error:
            raise ServerError("UNAVAILABLE", str(error)) from error
        if response.ok:
            return response.json()
        raise ServerError(
            _CODES.get(response.status_code, "INTERNAL"),
            _error_text(response),
            response.status_code,
        )


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
