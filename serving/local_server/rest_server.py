"""The REST port: uvicorn in a thread of its own."""

import asyncio
import functools
import logging
import socket
import threading
import time
from typing import Any

import uvicorn

from serving.local_server.http_connection import ConnectionLimits
from serving.local_server.http_connection import Connections
from serving.local_server.http_connection import HttpConnection

# asyncio takes that many connections at a time, before it looks at any: far
# fewer than the files that a process may open.
_ACCEPTED_AT_A_TIME = 64
_QUEUED = 1024

_NO_FILES_LOG_SECONDS = 60

_log = logging.getLogger(__name__)


class RestServer:
    """Serves an application over HTTP, whatever its clients do.

    Args:
        app: The ASGI application.
        host: Address to bind.
        port: Port to bind; 0 takes any that is free.
        limits: What clients may take. Defaults to `None`: the defaults of
            `ConnectionLimits`.

    Attributes:
        port: The port that was bound.

    Raises:
        OSError: If the port cannot be bound; the message names it.
    """

    def __init__(
        self,
        app,
        host: str,
        port: int,
        limits: ConnectionLimits | None = None,
    ):
        limits = limits or ConnectionLimits()
        self._socket = _bind(host, port)
        self.port = self._socket.getsockname()[1]
        connections = Connections(limits)
        # uvicorn's types are narrower than what it takes: a callable for
        # `http`, and fractions of seconds.
        config: Any = uvicorn.Config
        self._config = config(
            app,
            # h11 takes methods of any name, as the refusal of some needs.
            http=functools.partial(HttpConnection, connections),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            # A line for each broken request would be anybody's way to fill
            # the log.
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_ACCEPTED_AT_A_TIME,
            timeout_keep_alive=limits.idle_seconds,
        )
        self._server = _Server(self._config, connections)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), daemon=True
        )

    def start(self):
        """Starts to answer; what came since the binding is answered, too."""
        self._thread.start()

    def stop(self, grace_seconds: float):
        """Closes the port and waits for the requests under way.

        Args:
            grace_seconds: How long to wait for them.
        """
        if self._thread.is_alive():
            self._config.timeout_graceful_shutdown = grace_seconds
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn's server, where file descriptors may run out."""

    def __init__(self, config, connections):
        super().__init__(config)
        self._connections = connections
        self._next_log = 0.0

    async def startup(self, sockets=None):
        asyncio.get_running_loop().set_exception_handler(self._on_exception)
        await super().startup(sockets)
        for each in sockets:
            each.listen(_QUEUED)

    def _on_exception(self, loop, context):
        if "socket.accept()" not in context["message"]:
            loop.default_exception_handler(context)
            return
        # asyncio tries again in a second.
        self._connections.close_one()
        if time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _NO_FILES_LOG_SECONDS
            _log.error(
                "Cannot accept REST connections: %s. Raise the limit of open "
                "files (ulimit -n).",
                context["exception"],
            )


def _bind(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off, which
    # would hold answers back for 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise OSError(
            f"The HTTP server cannot listen on port {port} of {host}: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from error
    bound.listen(_QUEUED)
    return bound
