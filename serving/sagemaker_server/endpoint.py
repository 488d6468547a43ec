"""Answers invocations with any model that can predict and embed."""

from collections.abc import Sequence
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

_HTTP_STATUS = {
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "RESOURCE_EXHAUSTED": 429,
    "NOT_FOUND": 503,
}


class PairModel(Protocol):
    """What an endpoint asks: a client or a `LocalModel`."""

    def predict(self, in0: Sequence, in1: Sequence) -> np.ndarray:
        """Returns scores, a row a pair."""

    def embed(
        self, in0: Sequence | None = None, in1: Sequence | None = None
    ) -> np.ndarray:
        """Returns embeddings, a row a sequence."""


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
            predictions = self._predictions(instances)
        except ServerError as error:
            status = _HTTP_STATUS.get(error.code, 400)
            raise BadRequest(error.message + error.hint, status) from error
        return format_predictions(predictions, answer_type), answer_type

    def _predictions(self, instances: list[Instance]):
        kinds = {"pair": [], "in0": [], "in1": []}
        for place, instance in enumerate(instances):
            kinds[_kind(instance)].append(place)
        predictions = [None] * len(instances)
        for kind, places in kinds.items():
            if places:
                name, vectors = self._ask(kind, [instances[p] for p in places])
                for place, vector in zip(places, vectors, strict=True):
                    predictions[place] = {name: vector}
        return predictions

    def _ask(self, kind, instances):
        if kind == "pair":
            in0 = [instance.in0 for instance in instances]
            in1 = [instance.in1 for instance in instances]
            return SCORES, self._model.predict(in0, in1)
        rows = [getattr(instance, kind) for instance in instances]
        return EMBEDDINGS, self._model.embed(**{kind: rows})


def _kind(instance):
    if instance.in0 is not None and instance.in1 is not None:
        return "pair"
    return "in0" if instance.in1 is None else "in1"
