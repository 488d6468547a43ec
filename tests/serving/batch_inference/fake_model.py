"""A model whose answers can be told from the ids, without TensorFlow."""

import threading
import time

import numpy as np

from serving.batch_inference.predictor import Refusal

LARGEST_ID = 99


class FakeModel:
    """Answers sum and number of the ids of each side; refuses ids above 99."""

    in_flight = 2
    text_sides = frozenset()

    def __init__(self, seconds=0.0, name="fake"):
        self.identity = {"fake": name}
        self.shapes = []
        self._seconds = seconds
        self._lock = threading.Lock()

    def answer(self, inputs):
        time.sleep(self._seconds)
        with self._lock:
            self.shapes.append({k: ids.shape for k, ids in inputs.items()})
        for side, ids in inputs.items():
            if ids.max() > LARGEST_ID:
                raise Refusal(
                    f"assertion failed: [{side} holds id {ids.max()}.] [[x]]"
                )
        columns = [f(ids) for ids in inputs.values() for f in (_sum, _count)]
        return np.stack(columns, axis=1).astype(np.float32)

    def stop(self):
        pass

    def close(self):
        pass


def _sum(ids):
    return ids.sum(axis=1)


def _count(ids):
    return (ids > 0).sum(axis=1)


def expected(*sides):
    """The answer to one row."""
    return [float(f(ids)) for ids in sides for f in (sum, len)]
