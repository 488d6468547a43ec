"""A model behind the gRPC address of a TF Serving."""

import sys
import threading
import time
from collections.abc import Collection

from serving.batch_inference.predictor import Refusal
from serving.client.grpc_client import GrpcClient
from serving.client.server_error import ServerError
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import refusal

_TIMEOUT = 60.0
_IN_FLIGHT = 4
_SECONDS_BETWEEN_TRIES = 1.0

# What a server that restarts, or has too much to do, answers.
_PASSING = (
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "CANCELLED",
)
_COMING = ("START", "LOADING")


class ServerAway(Exception):
    """A server has not answered for as long as the job waits."""


class ServerBatchModel:
    """`BatchModel` over a server.

    All batches ask the version that is the newest now: a version that comes
    later must not answer half of a job. While the server does not answer, as
    in a restart, calls wait for it.

    Args:
        server: `"host:port"` of the gRPC API.
        model_name: The model's name there.
        signature: `"serving_default"` or `"encoder_embeddings"`.
        sides: The sides that the rows have.
        batch_size: Rows of a batch at most.
        wait_seconds: How long to wait for a server that does not answer, from
            its last answer on. Defaults to 300.

    Raises:
        ServerAway: If the server cannot be reached for so long; also from
            `answer`.
        ServerError: If it has no such model, or fails; also from `answer`.
    """

    in_flight = _IN_FLIGHT

    def __init__(
        self,
        server: str,
        model_name: str,
        signature: str,
        sides: Collection[str],
        batch_size: int,
        wait_seconds: float = 300.0,
    ):
        self._wait = _Wait(server, wait_seconds)
        self._newest = GrpcClient(server, model_name=model_name)
        self._version = self._wait.out(self._newest_version)
        self._client = GrpcClient(
            server,
            model_name=model_name,
            version=self._version,
            timeout=_TIMEOUT,
            batch_size=batch_size,
            in_flight=_IN_FLIGHT,
        )
        self._embeds = signature == EMBEDDINGS_SIGNATURE
        metadata = self._wait.out(self._client.metadata)
        self.text_sides = _text_sides(metadata, signature, sides)
        self.identity = {
            "server": server,
            "model_name": model_name,
            "version": self._version,
        }

    def answer(self, inputs):
        try:
            return self._wait.out(lambda: self._ask(inputs))
        except ServerError as error:
            if error.code != "INVALID_ARGUMENT":
                raise
            raise Refusal(error.message) from None

    def stop(self):
        self._wait.stop()

    def close(self):
        self._newest.close()
        self._client.close()

    def _ask(self, inputs):
        ask = self._client.embed if self._embeds else self._client.predict
        try:
            return ask(**inputs)
        except ServerError as error:
            if error.code == "NOT_FOUND" and self._is_coming():
                raise ServerError("UNAVAILABLE", error.message) from error
            raise

    def _is_coming(self):
        """Whether a server that has just started still loads the version."""
        return any(
            version.version == self._version and version.state in _COMING
            for version in self._newest.status()
        )

    def _newest_version(self):
        versions = self._newest.status()
        for version in versions:
            if version.state == "AVAILABLE":
                return version.version
        coming = any(version.state in _COMING for version in versions)
        raise ServerError(
            "UNAVAILABLE" if coming else "NOT_FOUND",
            f"the server serves no version of "
            f"{self._newest.options.model_name} now",
        )


class _Wait:
    """Asks a server again while it is away; shared by several threads."""

    def __init__(self, server, seconds):
        if not seconds >= 0:
            raise ValueError(
                "`wait_seconds` must be 0 or more. "
                f"Received: wait_seconds={seconds}"
            )
        self._server = server
        self._seconds = seconds
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._away_since = None
        self._has_said = False

    def stop(self):
        self._stopped.set()

    def out(self, ask):
        while True:
            try:
                answer = ask()
            except ServerError as error:
                if error.code not in _PASSING:
                    raise
                self._note_absence(error)
            else:
                self._note_answer()
                return answer

    def _note_absence(self, error):
        now = time.monotonic()
        with self._lock:
            self._away_since = self._away_since or now
            away = now - self._away_since
            # One refusal among answers to others is not worth a word.
            if not self._has_said and 0 < away < self._seconds:
                self._has_said = True
                _say(
                    f"{self._server} does not answer ({error}); waiting for "
                    f"it, {self._seconds:g} seconds at most"
                )
        if away >= self._seconds or self._stopped.wait(_SECONDS_BETWEEN_TRIES):
            raise ServerAway(
                f"{self._server} does not answer ({error}); waited "
                f"{away:.0f} seconds"
            ) from error

    def _note_answer(self):
        with self._lock:
            self._away_since = None
            if self._has_said:
                self._has_said = False
                _say(f"{self._server} answers again")


def _say(text):
    print(f"o2v batch: {text}", file=sys.stderr, flush=True)


def _text_sides(metadata, signature, sides):
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    reason = refusal(
        {name: each["inputs"] for name, each in signatures.items()},
        signature,
        sides,
    )
    if reason:
        raise ServerError("FAILED_PRECONDITION", f"the model {reason}")
    inputs = signatures[signature]["inputs"].items()
    return frozenset(n for n, info in inputs if info["dtype"] == "DT_STRING")
