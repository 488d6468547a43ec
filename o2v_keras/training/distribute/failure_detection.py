"""Detects that another worker is lost, and says so."""

import contextlib
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator

import tensorflow as tf

from o2v_keras.training.distribute.cluster import Worker

# TensorFlow's errors about a lost worker.
_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# The message of such an error if Ctrl-C interrupts its creation.
_INTERRUPTED = "REPLACED BY KeyboardInterrupt"
_TASK = re.compile(r"/job:worker/(?:replica:\d+/)?task:(\d+)")
_REASON = re.compile(
    "Collective ops is aborted by: (.*?)(?:The error could be|$)", re.DOTALL
)


class ChiefHeartbeat:
    """Checks every second, in a thread, that the chief accepts connections.

    TensorFlow reports a lost worker to the chief within about ten seconds,
    but workers whose chief was killed wait forever. A chief that is merely
    slow still accepts connections.

    Args:
        worker: This worker; the chief checks nothing.
        on_loss: Called in the thread if the chief was reachable, then failed
            three checks in a row, and `patience` has passed.
        patience: float. Seconds in which TensorFlow may detect the loss
            first. Defaults to 15.
        interval: float. Seconds between checks. Defaults to 1.

    Example:
    >>> with ChiefHeartbeat(Worker(), on_loss=print):
    ...     pass  # A single worker checks nothing.
    """

    def __init__(
        self,
        worker: Worker,
        on_loss: Callable[[], None],
        patience: float = 15.0,
        interval: float = 1.0,
    ):
        self._worker = worker
        self._on_loss = on_loss
        self._patience = patience
        self._interval = interval
        self._stop = threading.Event()

    def __enter__(self):
        if not self._worker.is_chief:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._stop.set()

    def _watch(self):
        seen, failures = False, 0
        while failures < 3:
            if self._stop.wait(self._interval):
                return
            if self._chief_listens():
                seen, failures = True, 0
            elif seen:
                failures += 1
        if not self._stop.wait(self._patience):
            self._on_loss()

    def _chief_listens(self):
        host, _, port = self._worker.addresses[0].rpartition(":")
        try:
            # IPv6 addresses are in brackets.
            address = host.strip("[]"), int(port)
            socket.create_connection(address, timeout=5).close()
        except OSError:
            return False
        return True


class LostWorkerError(ConnectionError):
    """Another worker is lost; all workers must be restarted."""


@contextlib.contextmanager
def lost_workers_reported() -> Iterator[None]:
    """Stops this worker with a clear message if another one is lost.

    TensorFlow raises most losses as its own errors. The loss of the chief can
    leave this process blocked in TensorFlow, where it cannot receive an
    exception: the process then prints the message and exits with status 75.

    Raises:
        LostWorkerError: Instead of TensorFlow's error, if `TF_CONFIG` has
            several workers.
        KeyboardInterrupt: If it interrupted the creation of an error.
    """
    worker = Worker.from_environment()
    with ChiefHeartbeat(worker, on_loss=lambda: _end_process(worker)):
        try:
            yield
        except _ERRORS as error:
            if worker.count == 1:
                raise
            reason = _REASON.search(str(error))
            reason = " ".join((reason[1] if reason else str(error)).split())
            # TensorFlow's message names the numbers of lost workers.
            lost = set(map(int, _TASK.findall(str(error)))) - {worker.index}
            raise LostWorkerError(
                f"{_sentence(worker, lost)} TensorFlow says: {reason}"
            ) from error
        except RuntimeError as error:
            if _INTERRUPTED not in str(error):
                raise
            raise KeyboardInterrupt from error


def _end_process(worker):
    print(f"o2v: {_sentence(worker, {0})}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(os.EX_TEMPFAIL)


def _sentence(worker, lost):
    names = " and ".join(map(worker.name_of, sorted(lost)))
    return (
        f"Lost the connection to {names or 'another worker'}, so "
        f"{worker.name} stops as well. Start all workers again with "
        f"`--resume` (`resume=True`): they continue from the last "
        f"checkpoint. `o2v launch` does so automatically."
    )
