"""`/ping` and `/invocations` as an ASGI application."""

import asyncio
import collections
import concurrent.futures
import contextlib
import json
import logging

from serving.sagemaker_server.bodies import JSON
from serving.sagemaker_server.bodies import BadRequest
from serving.sagemaker_server.endpoint import Endpoint

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 100 << 20
MAX_REQUESTS = 64

# Bodies that arrive or wait, in largest bodies.
_BODIES_HELD = 4
# SageMaker gives up on a ping after two seconds.
_PING_SECONDS = 1.5
_SECONDS_WITHOUT_DATA = 20
_BODY_SECONDS = 300
_TRY_AGAIN = (b"retry-after", b"1")


class Application:
    """The two routes of a SageMaker container.

    Memory is bounded: all bodies that are held have together at most four
    times the size of the largest, those that are parsed and answered at the
    same time at most its size once. A request beyond either limit is answered
    429, so is one that meets `max_requests` others; a body that arrives
    slowly holds no more than what has arrived of it, and not for long.

    Args:
        endpoint: `Endpoint`.
        max_body_bytes: Larger requests are refused. Defaults to 100 MiB.
        max_requests: Whole requests that are answered or wait at once.
            Defaults to 64.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_requests: int = MAX_REQUESTS,
    ):
        for name, value in (
            ("max_body_bytes", max_body_bytes),
            ("max_requests", max_requests),
        ):
            if value < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={value}"
                )
        self._endpoint = endpoint
        self._max_body_bytes = max_body_bytes
        self._max_requests = max_requests
        self._requests = 0
        self._held_bytes = 0
        self._turns = _Turns(max_body_bytes)
        # Of its own, so that a ping waits for no invocation.
        self._pings = concurrent.futures.ThreadPoolExecutor(1)
        self._ping = None

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
        if status in (429, 503):
            headers.append(_TRY_AGAIN)
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
            await self._check()
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
        try:
            return await self._invoke(
                body, headers.get("content-type", ""), headers.get("accept", "")
            )
        finally:
            self._held_bytes -= len(body)

    async def _invoke(self, body, content_type, accept):
        if self._requests >= self._max_requests:
            raise BadRequest(
                f"{self._requests} requests are under way, which is the "
                "limit. Send the request again later.",
                status=429,
            )
        self._requests += 1
        try:
            async with self._turns.turn(len(body)):
                return await asyncio.to_thread(
                    self._endpoint.invoke, body, content_type, accept
                )
        finally:
            self._requests -= 1

    async def _check(self):
        """Refuses a ping if the model cannot be asked."""
        if self._ping is None or self._ping.done():
            loop = asyncio.get_running_loop()
            self._ping = loop.run_in_executor(
                self._pings, self._endpoint.problem
            )
        try:
            problem = await asyncio.wait_for(
                asyncio.shield(self._ping), _PING_SECONDS
            )
        except TimeoutError:
            problem = f"the model's server is silent for {_PING_SECONDS} s"
        if problem:
            raise BadRequest(problem, status=503)

    async def _body(self, receive):
        """Returns the whole body, which then counts as held."""
        parts, size, refused = [], 0, False
        limit = _BODIES_HELD * self._max_body_bytes
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in _parts(receive):
                    # The rest of a refused body is read and dropped: a
                    # client listens only when it has sent all.
                    if refused:
                        continue
                    parts.append(part)
                    size += len(part)
                    self._held_bytes += len(part)
                    if size > self._max_body_bytes:
                        raise BadRequest(
                            "The body must not exceed "
                            f"{self._max_body_bytes} bytes; split the "
                            "records over several requests.",
                            status=413,
                        )
                    if self._held_bytes > limit:
                        refused = True
                        self._held_bytes -= size
                        size = 0
                        parts.clear()
            if refused:
                raise BadRequest(
                    f"The requests under way have more than {limit} bytes, "
                    "which is the limit. Send the request again later.",
                    status=429,
                )
        except BaseException as error:
            self._held_bytes -= size
            if not isinstance(error, TimeoutError):
                raise
            raise BadRequest(
                f"The body must arrive within {_BODY_SECONDS} seconds, "
                f"without a pause of {_SECONDS_WITHOUT_DATA}.",
                status=408,
            ) from None
        return b"".join(parts)


async def _parts(receive):
    more = True
    while more:
        message = await asyncio.wait_for(receive(), _SECONDS_WITHOUT_DATA)
        if message["type"] == "http.disconnect":
            raise BadRequest("The client went away.", status=499)
        yield message.get("body", b"")
        more = message.get("more_body", False)


class _Turns:
    """Lets work of so many bytes go on at a time, first come first served."""

    def __init__(self, limit):
        self._limit = limit
        self._under_way = 0
        self._waiting = collections.deque()

    @contextlib.asynccontextmanager
    async def turn(self, size):
        ready = asyncio.get_running_loop().create_future()
        self._waiting.append((size, ready))
        self._call()
        try:
            await ready
            yield
        finally:
            if ready.cancelled():
                with contextlib.suppress(ValueError):
                    self._waiting.remove((size, ready))
            else:
                self._under_way -= size
            self._call()

    def _call(self):
        while self._waiting:
            size, ready = self._waiting[0]
            if self._under_way and self._under_way + size > self._limit:
                return
            self._waiting.popleft()
            if not ready.cancelled():
                self._under_way += size
                ready.set_result(None)


def _error(message):
    return json.dumps({"error": message}).encode()
