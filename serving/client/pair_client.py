"""What all clients of an exported pair model have in common."""

import abc
import collections
import concurrent.futures
import dataclasses
import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from serving.client.pair_rows import PairRows
from serving.client.pair_rows import Side
from serving.client.server_error import ServerError
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """One version of a model on a server.

    Args:
        version: Its number.
        state: `"START"`, `"LOADING"`, `"AVAILABLE"`, `"UNLOADING"` or
            `"END"`.
        error: Why it failed, or an empty string.
    """

    version: int
    state: str
    error: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """How a client asks.

    Args:
        model_name: The model's name on the server. Defaults to `"model"`.
        version: Version to ask. Defaults to `None`: the server's choice.
        label: Version label to ask instead. Defaults to `None`.
        timeout: Seconds for one request, its retries included. Defaults to
            10.
        retries: How often a request is sent again when the server could not
            be reached (`UNAVAILABLE`); other failures are final. Defaults to
            3.
        batch_size: Rows of one request at most. Defaults to 256.
        in_flight: Requests under way at once. Defaults to 4.

    Raises:
        ValueError: If a value breaks its rule, or both `version` and `label`
            are given.
    """

    model_name: str = "model"
    version: int | None = None
    label: str | None = None
    timeout: float = 10.0
    retries: int = 3
    batch_size: int = 256
    in_flight: int = 4

    def __post_init__(self) -> None:
        for name, least in (
            ("retries", 0),
            ("batch_size", 1),
            ("in_flight", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"`{name}` must be at least {least}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )
        if not self.model_name:
            raise ValueError("`model_name` must not be empty.")
        if not self.timeout > 0:
            raise ValueError(
                "`timeout` must be a positive number of seconds. "
                f"Received: timeout={self.timeout!r}"
            )
        if self.version is not None and self.label is not None:
            raise ValueError(
                "`version` and `label` must not be given both. Received: "
                f"version={self.version!r}, label={self.label!r}"
            )


@dataclasses.dataclass(frozen=True)
class Call:
    """A whole call: which signature, which rows, which output."""

    signature: str
    output: str
    rows: PairRows


def scores_call(in0: Side, in1: Side) -> Call:
    """Returns the call behind `predict`."""
    return Call(SCORES_SIGNATURE, SCORES, PairRows({IN0: in0, IN1: in1}))


def embeddings_call(in0: Side | None, in1: Side | None) -> Call:
    """Returns the call behind `embed`.

    Raises:
        ValueError: If not exactly one side is given.
    """
    given = {IN0: in0, IN1: in1}
    given = {name: side for name, side in given.items() if side is not None}
    if len(given) != 1:
        raise ValueError(
            "`embed` must be given exactly one of `in0` and `in1`. "
            f"Received: {' and '.join(given) or 'neither'}"
        )
    return Call(EMBEDDINGS_SIGNATURE, EMBEDDINGS, PairRows(given))


class Answers:
    """Gathers the answers of requests in the caller's order of rows.

    Args:
        count: Number of rows of the call.

    Attributes:
        values: `(count, dim)`, once an answer has come.
    """

    def __init__(self, count: int):
        self._count = count
        self.values: Any = None

    def put(self, rows: np.ndarray, answer: np.ndarray):
        """Enters the answer for some rows.

        Raises:
            ServerError: If the server answered another number of rows.
        """
        if len(answer) != len(rows):
            raise ServerError(
                "INTERNAL",
                f"the server answered {len(answer)} rows to a request of "
                f"{len(rows)}",
            )
        if self.values is None:
            shape = (self._count, *answer.shape[1:])
            self.values = np.empty(shape, answer.dtype)
        self.values[rows] = answer


def seconds_to_retry(
    error: ServerError, attempt: int, options: ClientOptions, deadline: float
) -> float:
    """Returns how long to wait before a failed request is sent again.

    Args:
        error: Why it failed.
        attempt: How often it was sent before, from 0.
        options: `ClientOptions`.
        deadline: When the request's time is over, by `time.monotonic`.

    Raises:
        ServerError: `error` itself if the request is not to be sent again.
    """
    wait = min(2.0, 0.05 * 2**attempt) * (0.5 + random.random() / 2)
    late = time.monotonic() + wait >= deadline
    if error.code != "UNAVAILABLE" or late or attempt == options.retries:
        raise error
    return wait


class PairClient(abc.ABC):
    """Base of the blocking clients: NumPy in, NumPy out.

    Long inputs are split into requests of `batch_size` rows, of which
    `in_flight` are under way at once; answers keep the caller's order. Use it
    as a context manager, or call `close`.
    """

    def __init__(self, options: ClientOptions):
        self.options = options
        self._threads = concurrent.futures.ThreadPoolExecutor(
            options.in_flight, thread_name_prefix="pair-client"
        )

    def predict(self, in0: Side, in1: Side) -> np.ndarray:
        """Returns the scores of pairs.

        Args:
            in0: Sequences of ids, ragged or padded with 0, one a row; or
                texts, `str` or UTF-8 `bytes`, where the model takes texts.
            in1: The other sides, as many rows; ids or texts.

        Returns:
            float32 `(rows, num_classes)` probabilities or `(rows, 1)`.

        Raises:
            ValueError: If a side is neither sequences of ids nor texts.
            ServerError: With the server's code and message.
        """
        return self._answer(scores_call(in0, in1))

    def embed(
        self, in0: Side | None = None, in1: Side | None = None
    ) -> np.ndarray:
        """Returns the embeddings of one side.

        Args:
            in0: Sequences of ids or texts for the first encoder, or
            in1: for the second one; exactly one of the two.

        Returns:
            float32 `(rows, enc_dim)`.

        Raises:
            ValueError: If not exactly one side of ids or texts is given.
            ServerError: With the server's code and message.
        """
        return self._answer(embeddings_call(in0, in1))

    @abc.abstractmethod
    def status(self) -> list[ModelVersion]:
        """Returns the state of the model's versions, newest first."""

    @abc.abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Returns the model's signatures, as REST's `/metadata` answers."""

    def close(self):
        """Ends all connections."""
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @abc.abstractmethod
    def _ask(
        self, call: Call, inputs: dict[str, np.ndarray], timeout: float
    ) -> np.ndarray:
        """Sends one request once."""

    def _answer(self, call):
        if not len(call.rows):
            raise ValueError("There must be at least one row.")
        under_way = collections.deque()
        answers = Answers(len(call.rows))
        for batch in call.rows.batches(self.options.batch_size):
            if len(under_way) == self.options.in_flight:
                rows, answer = under_way.popleft()
                answers.put(rows, answer.result())
            answer = self._threads.submit(self._ask_again, call, batch)
            under_way.append((batch.rows, answer))
        for rows, answer in under_way:
            answers.put(rows, answer.result())
        return answers.values

    def _ask_again(self, call, batch):
        return self._retried(
            lambda timeout: self._ask(call, batch.inputs, timeout)
        )

    def _retried(self, request: Callable[[float], Any]) -> Any:
        """Sends a request, again while the server is out of reach."""
        deadline = time.monotonic() + self.options.timeout
        for attempt in itertools.count():
            try:
                return request(max(0.001, deadline - time.monotonic()))
            except ServerError as error:
                wait = seconds_to_retry(error, attempt, self.options, deadline)
            time.sleep(wait)
