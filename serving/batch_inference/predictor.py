"""Asks a model for the rows of a window."""

import concurrent.futures
import re
from typing import Any
from typing import Protocol

import numpy as np

from o2v_keras.storage.output_vectors import Vectors
from serving.batch_inference.window import Records
from serving.row_batches import batch_inputs
from serving.row_batches import batches_of_rows

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


class BatchModel(Protocol):
    """A model behind one signature; several threads may ask it at once.

    Attributes:
        identity: JSON values that tell this model from others.
        in_flight: How many batches are worth asking for at once.
        text_sides: Names of the sides that are texts.
    """

    identity: dict[str, Any]
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
        ...

    def stop(self):
        """Ends calls of `answer` that wait, which then fail."""

    def close(self):
        """Frees the model."""


class Predictor:
    """Asks a model for all rows of a window; a context manager.

    Rows of similar lengths make a batch. One that the model refuses is halved
    until the rows that are to blame are found.

    Args:
        model: `BatchModel`.
        batch_size: Rows of a batch at most; fewer if they are very long.
    """

    def __init__(self, model: BatchModel, batch_size: int):
        self._model = model
        self._batch_size = batch_size
        self._threads = concurrent.futures.ThreadPoolExecutor(model.in_flight)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._model.stop()
        self._threads.shutdown(cancel_futures=True)

    @property
    def text_sides(self) -> frozenset[str]:
        """Names of the sides that the model takes texts for."""
        return self._model.text_sides

    def predict(self, records: Records) -> Vectors:
        """Returns the answers to the rows of a window.

        Args:
            records: Its rows. Those with a reason are not asked for.

        Raises:
            ValueError: If the model's answer is not one vector a row.
        """
        columns = records.columns
        rows = len(next(iter(columns.values())))
        asked = np.ones(rows, bool)
        asked[list(records.reasons)] = False
        batches = batches_of_rows(
            columns, self._batch_size, np.flatnonzero(asked)
        )
        reasons = dict(records.reasons)
        pieces = []
        for answered, refused in self._threads.map(
            lambda batch: self._ask(batch, columns), batches
        ):
            pieces += answered
            reasons |= refused
        values = _gathered(pieces, rows)
        infinite = asked & ~np.isfinite(values).all(axis=1)
        for row in np.flatnonzero(infinite):
            reasons.setdefault(int(row), "the model's answer is not finite")
        values[list(reasons)] = np.nan
        return Vectors(values, dict(sorted(reasons.items())), records.names)

    def _ask(self, rows, columns):
        """Returns pairs of rows and answers, and the reasons of the others."""
        try:
            values = self._model.answer(batch_inputs(columns, rows))
        except Refusal as refusal:
            if len(rows) == 1:
                return [], {int(rows[0]): str(refusal)}
            middle = len(rows) // 2
            halves = rows[:middle], rows[middle:]
            (head, bad), (tail, worse) = (
                self._ask(half, columns) for half in halves
            )
            return head + tail, bad | worse
        if values.ndim != 2 or len(values) != len(rows):
            raise ValueError(
                f"the model must answer one vector a row. It answered an "
                f"array of shape {values.shape} to {len(rows)} rows"
            )
        return [(rows, values)], {}


def _gathered(pieces, rows):
    dim = pieces[0][1].shape[1] if pieces else 0
    values = np.full((rows, dim), np.nan, np.float32)
    for place, answer in pieces:
        values[place] = answer
    return values
