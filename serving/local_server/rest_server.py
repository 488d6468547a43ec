"""The REST port: uvicorn in a thread of its own."""

import logging
import socket
import threading

import uvicorn

from serving.local_server.rest_app import RestApp

_log = logging.getLogger(__name__)


class RestServer:
    """Serves an application over HTTP.

    Args:
        app: The ASGI application.
        host: Address to bind.
        port: Port to bind; 0 takes any that is free.

    Attributes:
        port: The port that was bound.

    Raises:
        OSError: If the port is taken.
    """

    def __init__(self, app: RestApp, host: str, port: int):
        self._socket = _bind(host, port)
        self.port = self._socket.getsockname()[1]
        # h11 takes methods of any name, as the refusal of some needs.
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # Clients keep connections for longer than uvicorn's 5 seconds.
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(self._config)
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


def _bind(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off, which
    # would hold answers back for 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.listen(1024)
    return bound
