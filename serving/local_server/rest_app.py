"""The ASGI application: HTTP around the REST API."""

import asyncio
import logging
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

from serving.local_server.json_answers import error_text
from serving.local_server.limits import MAX_BODY_BYTES
from serving.local_server.limits import MAX_CONCURRENT_REQUESTS
from serving.local_server.metrics import Metrics
from serving.local_server.rest_api import RestAnswer
from serving.local_server.rest_api import RestApi

# Requests of larger bodies have threads of their own, so that those that take
# seconds to parse, which Python does in one thread at a time, do not hold up
# the others.
_LARGE_BODY_BYTES = 1_000_000
_LARGE_BODY_THREADS = 2

_MAX_LOGGED_PATH = 200

_METHODS = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"}
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
]

_log = logging.getLogger(__name__)


class RestApp:
    """Routes, limits and decodes HTTP requests.

    Paths are matched as they come, percent-encoded; a method or path that is
    not served gets a page in HTML, as from the HTTP server of TF Serving.

    Args:
        api: Answers the requests below `/v1/`.
        metrics: What `metrics_path` shows.
        threads: How many threads run the requests.
        metrics_path: Path of the page for Prometheus, or `None` for none.
        enable_cors: Whether answers let scripts of other sites read them.
        timeout_seconds: How long a request may take, once it has arrived.
            Defaults to 30; 0 means for ever.
        max_body_bytes: Length of a body, gzip undone. Defaults to 100 MB.
    """

    def __init__(
        self,
        api: RestApi,
        metrics: Metrics,
        threads: int,
        metrics_path: str | None = None,
        enable_cors: bool = False,
        timeout_seconds: float = 30.0,
        max_body_bytes: int = MAX_BODY_BYTES,
    ):
        self._api = api
        self._metrics = metrics
        self._workers = ThreadPoolExecutor(threads, "rest")
        self._large_body_workers = ThreadPoolExecutor(
            _LARGE_BODY_THREADS, "rest-large"
        )
        self._metrics_path = metrics_path
        self._cors = _CORS if enable_cors else []
        self._timeout = timeout_seconds or None
        self._max_body_bytes = max_body_bytes
        self._under_way = 0

    def close(self):
        """Waits until the requests under way are done or have noticed."""
        self._workers.shutdown()
        self._large_body_workers.shutdown()

    async def __call__(self, scope, receive, send):
        """Answers one request; see the ASGI specification."""
        method, headers = scope["method"], dict(scope["headers"])
        path = scope["raw_path"].decode("latin-1")
        target = path
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        if method not in _METHODS:
            await _send_page(send, 501, "Not Implemented")
        elif path == self._metrics_path:
            await self._send_metrics(send, target)
        elif not path.lower().startswith("/v1/"):
            await _send_page(send, 404, "Not Found")
        elif method == "OPTIONS":
            origin = headers.get(b"origin", b"")
            is_site = origin.startswith((b"http://", b"https://"))
            await _send(send, 200 if is_site else 400, b"", self._cors)
        else:
            answer, extra = await self._answer(method, target, headers, receive)
            if answer is not None:
                extra = [_JSON, *self._cors, *extra]
                await _send(send, answer.status, answer.body, extra)

    async def _answer(self, method, target, headers, receive):
        """Returns an answer and its headers; no answer if nobody waits."""
        try:
            body = await self._read_body(headers, receive)
        except ConnectionError:
            return None, []
        if body is None:
            return self._too_large(), [_CLOSE]
        # Those whose body is still on its way take nothing from the others.
        if self._under_way >= MAX_CONCURRENT_REQUESTS:
            limit = f"More than {MAX_CONCURRENT_REQUESTS} requests at a time"
            return _refusal(429, limit), [_CLOSE]
        self._under_way += 1
        try:
            return await self._run(method, target, headers, body), []
        finally:
            self._under_way -= 1

    async def _run(self, method, target, headers, body):
        abandoned = threading.Event()
        is_zipped = b"gzip" in headers.get(b"content-encoding", b"")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._work(
                    method, target, body, is_zipped, abandoned.is_set
                )
        except TimeoutError:
            return _refusal(504, "Timed out waiting for notification")
        except asyncio.CancelledError:
            return _refusal(503, "The server is stopping")
        except Exception:
            # Nothing of this process is for the other side to see.
            _log.exception(
                "Could not answer %s %s", method, target[:_MAX_LOGGED_PATH]
            )
            return _refusal(500, "Internal error of the server")
        finally:
            abandoned.set()

    async def _work(self, method, target, body, is_zipped, is_abandoned):
        is_large = len(body) > _LARGE_BODY_BYTES
        if is_zipped and not is_large:
            start = await self._submit(
                self._workers,
                _inflate,
                body,
                min(_LARGE_BODY_BYTES, self._max_body_bytes),
            )
            is_large = start is None
            if not is_large:
                body, is_zipped = start, False

        def work():
            data = _inflate(body, self._max_body_bytes) if is_zipped else body
            if data is None:
                return self._too_large()
            return self._api.answer(method, target, data, is_abandoned)

        workers = self._large_body_workers if is_large else self._workers
        return await self._submit(workers, work)

    def _submit(self, workers, function, *arguments):
        return asyncio.get_running_loop().run_in_executor(
            workers, function, *arguments
        )

    async def _read_body(self, headers, receive):
        """Returns the body, or `None` if it is too large."""
        if int(headers.get(b"content-length", 0)) > self._max_body_bytes:
            return None
        chunks, size, is_last = [], 0, False
        while not is_last:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_body_bytes:
                return None
            is_last = not message.get("more_body", False)
        return b"".join(chunks)

    def _too_large(self):
        limit = f"more than {self._max_body_bytes} bytes, gzip undone"
        return _refusal(413, f"Request body of {limit}")

    async def _send_metrics(self, send, target):
        headers = [(b"content-type", b"text/plain")]
        if target == self._metrics_path:
            await _send(send, 200, self._metrics.page().encode(), headers)
            return
        text = f"Unexpected path: {target}. Should be {self._metrics_path}"
        await _send(send, 400, text.encode("latin-1"), headers)


def _inflate(body, limit):
    """Undoes gzip.

    What is no gzip counts as empty, and so does, as to TF Serving, what has
    more than 100 MB. More than `limit` is `None`.
    """
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)
    try:
        data = inflater.decompress(body, limit + 1)
    except zlib.error:
        return b""
    if len(data) > limit:
        return None if limit < MAX_BODY_BYTES else b""
    return data if inflater.eof else b""


def _refusal(status, message):
    return RestAnswer(status, error_text(message).encode())


async def _send_page(send, status, phrase):
    page = (
        f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{phrase}</H1>\n</BODY></HTML>\n"
    )
    headers = [(b"content-type", b"text/html"), _CLOSE]
    await _send(send, status, page.encode(), headers)


async def _send(send, status, body, headers):
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
