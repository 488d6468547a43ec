"""Answers invocations with any model that can predict and embed."""

import json
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import numpy as np

from serving.client.server_error import ServerError
from serving.sagemaker_server.bodies import BadRequest
from serving.sagemaker_server.bodies import Instance
from serving.sagemaker_server.bodies import format_predictions
from serving.sagemaker_server.bodies import parse_accept
from serving.sagemaker_server.bodies import parse_content_type
from serving.sagemaker_server.bodies import parse_instances
from serving.signatures import EMBEDDINGS
from serving.signatures import SCORES

# What is not here is a fault of the server, not of the request: 500.
_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "NOT_FOUND": 503,
    "CANCELLED": 503,
    "DEADLINE_EXCEEDED": 504,
}

_ROWS_AT_ONCE = 4096
# About 200 MB as JSON.
_MAX_NUMBERS = 10_000_000


class PairModel(Protocol):
    """What an endpoint asks: a client or a `LocalModel`.

    One with a method `status`, as clients have, is behind a server.
    """

    def predict(self, in0: Sequence[Any], in1: Sequence[Any]) -> np.ndarray:
        """Returns scores, a row a pair."""
        ...

    def embed(
        self, in0: Sequence[Any] | None = None, in1: Sequence[Any] | None = None
    ) -> np.ndarray:
        """Returns embeddings, a row a sequence."""
        ...


class Endpoint:
    """SageMaker's `/invocations`, without the transport.

    A record with both sides is answered with `scores`, one with a single
    side with that encoder's `embeddings`; a request may mix them.

    Args:
        model: `PairModel`.
    """

    def __init__(self, model: PairModel):
        self._model = model

    def invoke(
        self, body: bytes, content_type: str, accept: str
    ) -> tuple[bytes, str]:
        """Answers one request.

        Args:
            body: The request's body.
            content_type: Its `Content-Type` header.
            accept: Its `Accept` header, or an empty string.

        Returns:
            The answer's body and content type.

        Raises:
            BadRequest: With an HTTP status and what to change.
        """
        answer_type = parse_accept(accept)
        media_type = parse_content_type(content_type)
        instances = parse_instances(body, media_type)
        try:
            rows = self._rows(instances)
        except ServerError as error:
            status = _HTTP_STATUS.get(error.code, 500)
            message = error.message + error.hint
            if status >= 500:
                message = f"The model failed, {error.code}: {message}"
            raise BadRequest(message, status) from error
        return format_predictions(rows, answer_type), answer_type

    def problem(self) -> str:
        """Returns why the model cannot be asked now, or an empty string."""
        status = getattr(self._model, "status", None)
        if status is None:
            return ""
        try:
            versions = status()
        except ServerError as error:
            return f"The model's server does not answer, {error}"
        if any(version.state == "AVAILABLE" for version in versions):
            return ""
        return "The model's server has no version of the model to ask."

    def _rows(self, instances: list[Instance]):
        """Returns the prediction of each record as JSON.

        Some thousand are made at a time: as Python's numbers they take ten
        times the memory of their text.
        """
        kinds = {"pair": [], "in0": [], "in1": []}
        for place, instance in enumerate(instances):
            kinds[_kind(instance)].append(place)
        rows = [""] * len(instances)
        for kind, places in kinds.items():
            for start in range(0, len(places), _ROWS_AT_ONCE):
                chunk = places[start : start + _ROWS_AT_ONCE]
                name, vectors = self._ask(kind, [instances[p] for p in chunk])
                _check_size(len(instances), vectors)
                for place, vector in zip(chunk, vectors.tolist(), strict=True):
                    rows[place] = json.dumps({name: vector})
        return rows

    def _ask(self, kind, instances):
        if kind == "pair":
            in0 = [instance.in0 for instance in instances]
            in1 = [instance.in1 for instance in instances]
            return SCORES, self._model.predict(in0, in1)
        rows = [getattr(instance, kind) for instance in instances]
        return EMBEDDINGS, self._model.embed(**{kind: rows})


def _check_size(count, vectors):
    most = max(1, _MAX_NUMBERS // max(1, vectors.shape[1]))
    if count > most:
        raise BadRequest(
            f"A request must hold at most {most} records where each is "
            f"answered with {vectors.shape[1]} numbers; split the records "
            f"over several requests. Received: {count} records",
            status=413,
        )


def _kind(instance):
    if instance.in0 is not None and instance.in1 is not None:
        return "pair"
    return "in0" if instance.in1 is None else "in1"
