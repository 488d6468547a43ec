"""Answers a window's rows in batches of similar lengths."""

import concurrent.futures

import numpy as np

from serving.batch_inference.answers import Answers
from serving.batch_inference.batch_model import BatchModel
from serving.batch_inference.batch_model import Refusal
from serving.batch_inference.window import Records

# A batch of the longest rows must fit into memory: its ids, and the bytes of
# its texts.
_MAX_LENGTH = 1 << 22


class Answering:
    """Asks a model for all rows of a window; a context manager.

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

    def answers(self, records: Records) -> Answers:
        """Returns the answers to a window.

        Args:
            records: Its rows. Those with a reason are not asked for.

        Raises:
            ValueError: If the model's answer is not one vector a row.
        """
        rows = len(next(iter(records.columns.values())).lengths)
        asked = np.ones(rows, bool)
        asked[list(records.reasons)] = False
        batches = self._batches(np.flatnonzero(asked), records.columns)
        reasons = dict(records.reasons)
        pieces = []
        for answered, refused in self._threads.map(
            lambda batch: self._ask(batch, records.columns), batches
        ):
            pieces += answered
            reasons |= refused
        values = _gathered(pieces, rows)
        infinite = asked & ~np.isfinite(values).all(axis=1)
        for row in np.flatnonzero(infinite):
            reasons.setdefault(int(row), "the model's answer is not finite")
        values[list(reasons)] = np.nan
        return Answers(values, dict(sorted(reasons.items())), records.names)

    def _batches(self, rows, columns):
        lengths = np.array(
            [column.lengths[rows] for column in columns.values()]
        )
        order = np.lexsort(lengths)
        rows, longest = rows[order], lengths.max(axis=0, initial=1)[order]
        start, batches = 0, []
        while start < len(rows):
            lengths = longest[start : start + self._batch_size]
            total = np.maximum.accumulate(lengths) * np.arange(
                1, len(lengths) + 1
            )
            end = start + max(1, np.count_nonzero(total <= _MAX_LENGTH))
            batches.append(rows[start:end])
            start = end
        return batches

    def _ask(self, rows, columns):
        """Returns pairs of rows and answers, and the reasons of the others."""
        inputs = {s: column.batch(rows) for s, column in columns.items()}
        try:
            values = self._model.answer(inputs)
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
