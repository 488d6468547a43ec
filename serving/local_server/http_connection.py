"""HTTP connections whose clients cannot hold the server up.

uvicorn waits for ever for the rest of a request and keeps every connection
that is opened. Here a connection has deadlines, and the server limits how many
are open and how many bytes of bodies they hold.
"""

import asyncio
import dataclasses
import enum
import resource
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.local_server.json_answers import error_text

# In all bodies that the port has received and not yet answered.
_MAX_BODIES_BYTES = 1000 * 1000 * 1000

# A transfer of this many bytes within its time may go on for as long again.
_PROGRESS_BYTES = 1_000_000

# Time for a client to finish when its connection or the server is closing.
_CLOSING_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class ConnectionLimits:
    """What the clients of an HTTP server may take.

    Args:
        max_connections: Open connections. One more closes the connection that
            has waited for its client the longest. Defaults to 1,000; at most
            half of the files that the process may open are taken.
        header_seconds: Time from the first byte of a request to the end of
            its headers. Defaults to 10.
        body_seconds: Time in which a body, or at least 1 MB of it, must
            arrive, and an answer be read. Defaults to 30.
        idle_seconds: Time without a request. Defaults to 60.
    """

    max_connections: int = 1000
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 60.0


class Connections:
    """The open connections of a server.

    Args:
        limits: `ConnectionLimits`.

    Attributes:
        limits: The same.
    """

    def __init__(self, limits: ConnectionLimits):
        self.limits = limits
        self._max = limits.max_connections
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            # The other half is for models, gRPC and bursts of connections.
            self._max = min(self._max, files // 2)
        self._count = 0
        self._body_bytes = 0
        # Those that wait for their client, the longest first.
        self._waiting: dict[HttpConnection, None] = {}

    def opened(self):
        """Counts a connection; one too many closes the oldest that waits."""
        self._count += 1
        if self._count > self._max:
            self.close_one()

    def closed(self, connection: "HttpConnection"):
        """Forgets a connection."""
        self._count -= 1
        self._waiting.pop(connection, None)

    def waits(self, connection: "HttpConnection", for_client: bool):
        """Notes whom a connection waits for from now on."""
        self._waiting.pop(connection, None)
        if for_client:
            self._waiting[connection] = None

    def close_one(self):
        """Closes the connection that has waited for its client the longest."""
        if self._waiting:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.transport.abort()

    def add_body_bytes(self, size: int):
        """Counts bytes of bodies; too many end the transfer begun first."""
        self._body_bytes += size
        if self._body_bytes > _MAX_BODIES_BYTES:
            for connection in self._waiting:
                if connection.is_receiving_body:
                    connection.refuse(
                        429,
                        f"Bodies of more than {_MAX_BODIES_BYTES} bytes at a "
                        "time",
                    )
                    return


class _Phase(enum.Enum):
    """What a connection waits for."""

    REQUEST = enum.auto()
    HEADERS = enum.auto()
    BODY = enum.auto()
    APPLICATION = enum.auto()
    READER = enum.auto()


_MISSING = {_Phase.HEADERS: "headers", _Phase.BODY: "body"}


class HttpConnection(H11Protocol):
    """uvicorn's protocol with deadlines.

    A client that has sent its request may close its half of the connection
    and still gets its answer. A request with both Content-Length and
    Transfer-Encoding is refused: its body could be taken for a next request.

    Args:
        connections: Those of the server.
        **kwargs: Arguments of uvicorn's protocol.
    """

    def __init__(self, connections: Connections, **kwargs: Any):
        super().__init__(**kwargs)
        self.conn = _StrictConnection(h11.SERVER)
        self._connections = connections
        limits = connections.limits
        # The application has its own deadline.
        self._seconds = {
            _Phase.REQUEST: limits.idle_seconds,
            _Phase.HEADERS: limits.header_seconds,
            _Phase.BODY: limits.body_seconds,
            _Phase.READER: limits.body_seconds,
        }
        self._phase: _Phase | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        # What `_transferred` was when the deadline was set.
        self._transferred_before = 0
        self._client_has_finished = False

    @property
    def is_receiving_body(self) -> bool:
        """Whether the rest of a body is missing."""
        return self._phase is _Phase.BODY

    def connection_made(self, transport):
        super().connection_made(transport)
        self._watch()
        self._connections.opened()

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self._forget_body()
        self._clear_deadline()
        self._connections.closed(self)

    def data_received(self, data):
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._body_bytes += len(data)
            self._connections.add_body_bytes(len(data))
        self._watch()

    def eof_received(self):
        self._client_has_finished = True
        # Whether the connection stays open, for the answer.
        return self._phase_now() is _Phase.APPLICATION

    def on_response_complete(self):
        self._forget_body()
        super().on_response_complete()
        self._watch()
        if self._client_has_finished and self.cycle.response_complete:
            self.transport.close()

    def shutdown(self):
        for phase, seconds in self._seconds.items():
            self._seconds[phase] = min(seconds, _CLOSING_SECONDS)
        super().shutdown()
        self._set_deadline()

    def send_400_response(self, msg):
        self.refuse(400, f"{msg} {self.conn.fault}")

    def refuse(self, status: int, message: str):
        """Closes, and answers with an error if nothing was answered yet.

        Args:
            status: HTTP status.
            message: What went wrong.
        """
        self._forget_body()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = error_text(message).encode()
            answer = h11.Response(
                status_code=status,
                reason=STATUS_PHRASES[status],
                headers=[
                    *self.server_state.default_headers,
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"connection", b"close"),
                ],
            )
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()

    def _phase_now(self):
        if self.conn.their_state is h11.SEND_BODY:
            return _Phase.BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return _Phase.APPLICATION
        if self.transport.get_write_buffer_size():
            return _Phase.READER
        return _Phase.HEADERS if self.conn.trailing_data[0] else _Phase.REQUEST

    def _transferred(self):
        """Bytes that came of a body, or left of an answer, but for a sum."""
        if self._phase is _Phase.READER:
            return -self.transport.get_write_buffer_size()
        return self._body_bytes

    def _watch(self):
        """Sets a new deadline if the connection has got on."""
        phase = self._phase_now()
        transferred = self._transferred() - self._transferred_before
        if phase is not self._phase or transferred >= _PROGRESS_BYTES:
            self._phase = phase
            self._connections.waits(self, phase is not _Phase.APPLICATION)
            self._set_deadline()

    def _set_deadline(self):
        self._clear_deadline()
        self._transferred_before = self._transferred()
        if self._phase in self._seconds:
            self._deadline = self.loop.call_later(
                self._seconds[self._phase], self._expire
            )

    def _clear_deadline(self):
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self):
        expired = self._deadline
        self._watch()
        if self._deadline is not expired:
            return
        if self._phase in _MISSING and not self.transport.is_closing():
            seconds = self._seconds[self._phase]
            self.refuse(
                408,
                f"The {_MISSING[self._phase]} of the request did not arrive "
                f"within {seconds:g} seconds",
            )
            self._phase = _Phase.READER
            self._set_deadline()
        else:
            self.transport.abort()

    def _forget_body(self):
        self._connections.add_body_bytes(-self._body_bytes)
        self._body_bytes = self._transferred_before = 0


class _StrictConnection(h11.Connection):
    """Requests that any two HTTP servers understand alike."""

    fault = ""

    def next_event(self):
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                names = {name for name, _ in event.headers}
                if {b"content-length", b"transfer-encoding"} <= names:
                    raise h11.RemoteProtocolError(
                        "It must not have both Content-Length and "
                        "Transfer-Encoding."
                    )
        except h11.RemoteProtocolError as error:
            self.fault = str(error)
            raise
        return event
