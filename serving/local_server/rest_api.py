"""The REST API of TF Serving: from method, path and body to an answer."""

import re
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_pb2

from serving.errors import code_name
from serving.errors import invalid_argument
from serving.local_server import inference
from serving.local_server import json_answers
from serving.local_server.json_examples import read_examples
from serving.local_server.json_inputs import read_inputs
from serving.local_server.json_reader import read_json
from serving.local_server.json_values import value_text
from serving.local_server.limits import MAX_JSON_VALUES
from serving.local_server.metrics import Metrics
from serving.local_server.model_registry import ModelRegistry
from serving.saved_model_session import DEFAULT_SIGNATURE

_MODEL = r"(?:/([^/:]+))"
_VERSION = r"(?:(?:/versions/([0-9]+))|(?:/labels/([^/:]+)))?"
_POST_PATH = re.compile(
    rf"/v1/models{_MODEL}{_VERSION}:(classify|regress|predict)", re.IGNORECASE
)
_GET_PATH = re.compile(
    rf"/v1/models{_MODEL}?{_VERSION}(?:/(metadata))?", re.IGNORECASE
)

_HTTP_STATUSES = {
    tf.errors.INVALID_ARGUMENT: 400,
    tf.errors.FAILED_PRECONDITION: 400,
    tf.errors.OUT_OF_RANGE: 400,
    tf.errors.UNAUTHENTICATED: 401,
    tf.errors.PERMISSION_DENIED: 403,
    tf.errors.NOT_FOUND: 404,
    tf.errors.ALREADY_EXISTS: 409,
    tf.errors.ABORTED: 409,
    tf.errors.RESOURCE_EXHAUSTED: 429,
    tf.errors.CANCELLED: 499,
    tf.errors.UNIMPLEMENTED: 501,
    tf.errors.UNAVAILABLE: 503,
    tf.errors.DEADLINE_EXCEEDED: 504,
}


class AbandonedError(Exception):
    """Nobody waits for the answer of a request any more."""


class RestAnswer(NamedTuple):
    """An answer in JSON.

    Attributes:
        status: HTTP status.
        body: JSON text in UTF-8, or nothing.
    """

    status: int
    body: bytes


class _Route(NamedTuple):
    action: str
    name: str
    version: int | None
    label: str | None


class RestApi:
    """Answers the requests below `/v1/`.

    Args:
        registry: The models.
        metrics: Where to count and time.
        max_json_values: How many values the JSON of a request may hold.
            Defaults to 10 million.
        timeout_seconds: Time after which the graph is stopped. Defaults to
            30; 0 means never.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        metrics: Metrics,
        max_json_values: int = MAX_JSON_VALUES,
        timeout_seconds: float = 30.0,
    ):
        self._registry = registry
        self._max_json_values = max_json_values
        self._timeout = timeout_seconds or None
        self._metrics = metrics
        self._actions = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            "status": self._status,
            "metadata": self._metadata,
        }

    def answer(
        self,
        method: str,
        path: str,
        body: bytes,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> RestAnswer:
        """Answers a request.

        Args:
            method: HTTP method in capitals.
            path: Path as it came, percent-encoded, with the query if any.
            body: Body of the request, gzip undone.
            is_abandoned: Says whether nobody waits for the answer any more.

        Raises:
            AbandonedError: When it says so, before the work is done.
        """

        def check():
            if is_abandoned():
                raise AbandonedError

        start = time.monotonic()
        try:
            route = _route(method, path)
        except OverflowError:
            # As TF Serving answers a version of more than 64 bits.
            return RestAnswer(400, b"")
        name = self._registry.known_name(route.name if route else "")
        try:
            if route is None:
                raise invalid_argument(f"Malformed request: {method} {path}")
            answer = RestAnswer(200, _encode(self._text(route, body, check)))
        except tf.errors.OpError as error:
            self._metrics.requests.add(1, name, code_name(error))
            return error_answer(error)
        self._metrics.requests.add(1, name, "OK")
        self._metrics.request_latency.observe(
            round((time.monotonic() - start) * 1e6),
            *(name, route.action if method == "POST" else "", "REST"),
        )
        return answer

    def _text(self, route, body, check):
        if not route.name:
            raise invalid_argument("Missing model name in request.")
        try:
            return self._actions[route.action](route, body, check)
        except OverflowError:
            raise invalid_argument(
                "JSON Parse error: Number too big to be stored in double."
            ) from None

    def _predict(self, route, body, check):
        request = self._read_request(body, check)
        name = request.get("signature_name") or DEFAULT_SIGNATURE
        with self._lease(route) as model:
            if name not in model.session.signature_defs:
                raise invalid_argument(
                    f'Serving signature name: "{name}" not found in signature '
                    "def"
                )
            infos = dict(model.session.signature_defs[name].inputs)
            inputs, is_rows = read_inputs(request, infos)
            del request
            check()
            outputs = inference.predict(
                model, name, inputs, timeout=self._timeout
            )
        write = json_answers.rows_text if is_rows else json_answers.columns_text
        return write(outputs, check)

    def _classify(self, route, body, check):
        found = self._run_examples(inference.classify, route, body, check)
        return json_answers.classes_text(*found)

    def _regress(self, route, body, check):
        found = self._run_examples(inference.regress, route, body, check)
        return json_answers.regressions_text(found)

    def _run_examples(self, run, route, body, check):
        request = self._read_request(body, check)
        examples = read_examples(request)
        name = request.get("signature_name") or DEFAULT_SIGNATURE
        with self._lease(route) as model:
            return run(model, name, examples, self._timeout)

    def _status(self, route, *_):
        # The label is not looked at, as in TF Serving.
        versions = self._registry.status(route.name, route.version)
        return json_answers.message_text(
            get_model_status_pb2.GetModelStatusResponse(
                model_version_status=[each.status() for each in versions]
            )
        )

    def _metadata(self, route, *_):
        with self._lease(route) as model:
            spec = model_pb2.ModelSpec(name=route.name)
            spec.version.value = model.number
            signatures = get_model_metadata_pb2.SignatureDefMap(
                signature_def=model.session.signature_defs
            )
        return json_answers.metadata_text(spec, signatures)

    def _read_request(self, body, check):
        request = read_json(body, self._max_json_values, check)
        if not isinstance(request, dict):
            text = value_text(request)
            raise invalid_argument(f"JSON Value: {text} Is not object")
        if not isinstance(request.get("signature_name", ""), str):
            raise invalid_argument(
                f"JSON Value: {value_text(request)} not formatted correctly. "
                "'signature_name' key must be a string value."
            )
        return request

    def _lease(self, route):
        return self._registry.lease(route.name, route.version, route.label)


def error_answer(error: tf.errors.OpError) -> RestAnswer:
    """Makes the answer that tells of an error.

    Example:
    >>> error_answer(invalid_argument("no")).status
    400
    """
    status = _HTTP_STATUSES.get(error.error_code, 500)
    return RestAnswer(status, _encode(json_answers.error_text(error.message)))


def _route(method, path):
    pattern = {"POST": _POST_PATH, "GET": _GET_PATH}.get(method)
    match = pattern and pattern.fullmatch(path)
    if not match:
        return None
    name, version, label, action = match.groups()
    if method == "GET":
        action = "metadata" if action == "metadata" else "status"
    elif not action.islower():
        return None
    if version is not None:
        version = _read_version(version)
    return _Route(
        action=action,
        name=_unquote(name or ""),
        version=version,
        label=None if label is None else _unquote(label),
    )


def _read_version(digits):
    # Python refuses to read more than 4,300 digits.
    digits = digits.lstrip("0")[:20] or "0"
    if int(digits) >= 2**63:
        raise OverflowError(digits)
    return int(digits)


def _unquote(text):
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _encode(text):
    return text.encode("utf-8", "surrogateescape")
