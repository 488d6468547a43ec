"""Notices that the chief of several workers is gone."""

import socket
import threading
from collections.abc import Callable

from o2v_keras.training.worker import Worker


class ChiefWatch:
    """Asks every second whether the chief still listens at its address.

    TensorFlow tells the chief in about ten seconds that another worker is
    gone, but workers whose chief was killed wait for it forever. It takes no
    part in training: a chief that is merely slow still accepts connections.

    Args:
        worker: This worker; the chief itself watches nobody.
        on_loss: Called, in a thread of the watch, when the chief had been
            seen and then could not be reached three times in a row, and has
            stayed away for the seconds of `patience`.
        patience: float. Time for TensorFlow to notice by itself. Defaults
            to 15.
        interval: float. Seconds between attempts. Defaults to 1.

    Example:
    >>> with ChiefWatch(Worker(), on_loss=print):
    ...     pass  # A worker alone has nobody to watch.
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
            # IPv6 addresses stand in brackets.
            address = host.strip("[]"), int(port)
            socket.create_connection(address, timeout=5).close()
        except OSError:
            return False
        return True
