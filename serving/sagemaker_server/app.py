"""`/ping` and `/invocations` as an ASGI application."""

import asyncio
import json
import logging

from serving.sagemaker_server.bodies import JSON
from serving.sagemaker_server.bodies import BadRequest
from serving.sagemaker_server.endpoint import Endpoint

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 100 << 20


class Application:
    """The two routes of a SageMaker container.

    Args:
        endpoint: `Endpoint`.
        max_body_bytes: Larger requests are refused. Defaults to 100 MiB.
    """

    def __init__(
        self, endpoint: Endpoint, max_body_bytes: int = MAX_BODY_BYTES
    ):
        self._endpoint = endpoint
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        try:
            body, content_type = await self._answer(scope, receive)
            status = 200
        except BadRequest as error:
            body, content_type = _error(str(error)), JSON
            status = error.status
        except Exception:
            # What went wrong belongs in the log, not in an answer.
            _log.exception("request failed")
            body, content_type = _error("internal error, see the log"), JSON
            status = 500
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers,
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope, receive):
        route = scope["method"], scope["path"]
        if route in (("GET", "/ping"), ("HEAD", "/ping")):
            return b"", JSON
        if route != ("POST", "/invocations"):
            raise BadRequest(
                "The routes are GET /ping and POST /invocations. "
                f"Received: {scope['method']} {scope['path']}",
                status=405
                if scope["path"] in ("/ping", "/invocations")
                else 404,
            )
        body = await self._body(receive)
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        return await asyncio.to_thread(
            self._endpoint.invoke,
            body,
            headers.get("content-type", ""),
            headers.get("accept", ""),
        )

    async def _body(self, receive):
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The client went away.", status=499)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body_bytes:
                raise BadRequest(
                    f"The body must not exceed {self._max_body_bytes} bytes; "
                    "split the records over several requests.",
                    status=413,
                )
            more = message.get("more_body", False)
        return b"".join(parts)


def _error(message):
    return json.dumps({"error": message}).encode()
