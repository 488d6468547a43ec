"""What answers the batches of a job."""

import re
from typing import Protocol

import numpy as np

_ASSERTION = re.compile(r"assertion failed: \[(.*?)\]", re.DOTALL)


class Refusal(Exception):
    """A batch that the model calls invalid; some of its rows are to blame.

    Args:
        message: The runtime's message. A sentence that the graph asserts is
            taken out of it.

    Example:
    >>> print(Refusal("assertion failed: [in0 holds id 9.] [[{{node a}}]]"))
    in0 holds id 9.
    """

    def __init__(self, message: str):
        found = _ASSERTION.search(message)
        super().__init__(found[1] if found else message.partition("\n")[0])


class ServerAway(Exception):
    """A server has not answered for as long as the job waits."""


class BatchModel(Protocol):
    """A model behind one signature; several threads may ask it at once.

    Attributes:
        identity: JSON values that tell this model from others.
        in_flight: How many batches are worth asking for at once.
        text_sides: Names of the sides that are texts.
    """

    identity: dict[str, object]
    in_flight: int
    text_sides: frozenset[str]

    def answer(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Returns float32 `(batch, dim)`.

        Args:
            inputs: Side -> int64 `(batch, length)`, padded with 0, or object
                `(batch,)` of `bytes` for the sides that are texts.

        Raises:
            Refusal: If rows of the batch are invalid.
            ServerAway: If the model is behind a server that does not answer.
        """

    def stop(self):
        """Ends calls of `answer` that wait, which then fail."""

    def close(self):
        """Frees the model."""
