"""One version of a model and what has become of it."""

import enum
import time
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.local_server.metrics import Metrics
from serving.local_server.row_limit import default_row_limit
from serving.saved_model_session import SavedModelSession

State = enum.IntEnum(
    "State", get_model_status_pb2.ModelVersionStatus.State.items()
)


class ServedVersion:
    """A version from its first sight to its end.

    The registry moves it from state to state, under the registry's lock.

    Args:
        model_name: Name of the model.
        number: The version.
        path: Folder of the export.
        metrics: Where to count and time.
        max_rows: How many rows a request may have. Defaults to 0: as many as
            the free memory allows.

    Attributes:
        state: `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
        error: Why the last attempt to load failed, without paths of this
            machine, or `None`.
        session: The loaded model, or `None`.
        users: How many requests use the model now.
        attempts: How often loading was tried.
        retry_at: When to try again, in seconds of `time.monotonic`.
        metrics: Where to count and time.
        max_rows: How many rows a request may have, once loaded.
    """

    def __init__(
        self,
        model_name: str,
        number: int,
        path: str,
        metrics: Metrics,
        max_rows: int = 0,
    ):
        self.model_name = model_name
        self.number = number
        self.state = State.START
        self.error: tf.errors.OpError | None = None
        self.session: SavedModelSession | None = None
        self.users = 0
        self.attempts = 0
        self.retry_at = 0.0
        self._path = path
        self.metrics = metrics
        self.max_rows = max_rows

    @property
    def identity(self) -> str:
        """What stands for the version's path in answers."""
        return f"{self.model_name}/{self.number}"

    def is_pending(self) -> bool:
        """Says whether the version is still to be loaded."""
        return self.state in (State.START, State.LOADING)

    def status(self) -> get_model_status_pb2.ModelVersionStatus:
        """Returns what answers tell of the version."""
        found = get_model_status_pb2.ModelVersionStatus(
            version=self.number, state=self.state
        )
        found.status.SetInParent()
        if self.error is not None and self.state == State.END:
            found.status.error_code = self.error.error_code
            found.status.error_message = self.error.message
        return found

    def load(self) -> SavedModelSession:
        """Loads and warms up the model.

        Raises:
            tf.errors.OpError: If either fails.
        """
        start = time.monotonic()
        try:
            session = SavedModelSession(self._path)
            loaded = time.monotonic()
            session.replay_warmup()
            self.max_rows = self.max_rows or default_row_limit(session)
        except Exception as error:
            self.metrics.load_attempts.add(1, self.identity, "fail")
            raise self._without_path(error) from error
        self.metrics.load_attempts.add(1, self.identity, "success")
        self.metrics.load_latency.add(_micros(loaded - start), self.identity)
        self.metrics.warmup_latency.observe(
            _micros(time.monotonic() - loaded), self.identity, "OK"
        )
        return session

    def run(
        self,
        api: str,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature and times it; see `SavedModelSession.run`."""
        start = time.monotonic()
        found = self.session.run(signature_name, inputs, outputs, timeout)
        self.metrics.runtime_latency.observe(
            _micros(time.monotonic() - start), self.model_name, api, "TF1"
        )
        return found

    def _without_path(self, error):
        if not isinstance(error, tf.errors.OpError):
            error = tf.errors.InternalError(None, None, str(error))
        message = error.message.replace(self._path, self.identity)
        return type(error)(None, None, message)


def _micros(seconds):
    return round(seconds * 1e6)
