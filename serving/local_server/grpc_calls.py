"""How the message of a gRPC call is received, before it is worked on."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

# How long a message may take to come, and how long if calls that wait for
# theirs hold every thread.
_MESSAGE_SECONDS = 30.0
_MESSAGE_SECONDS_IF_FULL = 5.0

_log = logging.getLogger(__name__)


class CallReceiver(grpc.ServerInterceptor):
    """Receives the one message of each call, within a time.

    Left to itself, grpcio waits for it for ever in one of the server's
    threads, so that as many calls as it has threads stop it when they are
    opened and left. Here a call is cancelled when its message has not come
    within 30 seconds, or within 5 when every thread is taken.

    What is no message is refused with INTERNAL, as the C++ server does;
    grpcio would log a traceback for each.

    Args:
        thread_count: How many threads the server has.
    """

    def __init__(self, thread_count: int):
        self._thread_count = thread_count
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        # Since when each call waits, the oldest first.
        self._waiting: dict[int, tuple[float, grpc.ServicerContext]] = {}
        self._taken_threads = 0
        self._seconds = _MESSAGE_SECONDS
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def intercept_service(self, continuation, details):
        """Makes gRPC hand out bytes that come, not one message that must."""
        handler = self._handlers.get(details.method)
        if handler is None:
            found = continuation(details)
            if found is None or found.unary_unary is None:
                return found
            handler = grpc.stream_unary_rpc_method_handler(
                self._reader(found), None, found.response_serializer
            )
            self._handlers[details.method] = handler
        return handler

    def hurry(self):
        """Gives the calls that still wait a second; the server is to stop."""
        self._seconds = 1.0

    def close(self):
        """Stops watching."""
        self._end.set()
        self._thread.join()

    def _reader(
        self, handler: "grpc.RpcMethodHandler[Any, Any]"
    ) -> Callable[..., Any]:
        def read(messages: Iterator[bytes], context: grpc.ServicerContext):
            with self._lock:
                self._taken_threads += 1
            try:
                request = self._receive(handler, messages, context)
                return handler.unary_unary(request, context)
            finally:
                with self._lock:
                    self._taken_threads -= 1

        return read

    def _receive(self, handler, messages, context):
        number = next(self._numbers)
        self._waiting[number] = time.monotonic(), context
        try:
            data = next(messages)
        except StopIteration:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                "The call requires exactly one request message.",
            )
        finally:
            del self._waiting[number]
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            context.abort(
                grpc.StatusCode.INTERNAL, "Exception deserializing request!"
            )

    def _watch(self):
        while not self._end.wait(min(1.0, self._seconds / 2)):
            is_full = self._taken_threads >= self._thread_count
            seconds = self._seconds
            if is_full:
                seconds = min(seconds, _MESSAGE_SECONDS_IF_FULL)
            oldest = time.monotonic() - seconds
            late = [
                context
                for since, context in list(self._waiting.values())
                if since < oldest
            ]
            for context in late:
                context.cancel()
            if late:
                _log.warning(
                    "Ended %d gRPC calls whose message did not come within %g "
                    "seconds",
                    len(late),
                    seconds,
                )
