"""Scores of pairs by the model's own comparator, MLP and head."""

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.evaluation.expected_values import expected_values
from o2v_keras.models.object2vec import Object2Vec

_ROUNDING = 1e-6
_STEP_PAIRS = 1 << 13


class HeadScores:
    """What the model answers to pairs of encoded objects.

    A pair's score is its value or expected class (`expected_values`); scores
    count as equal when they differ by less than a millionth. Every pair goes
    through the MLP, which takes much longer than a product of matrices.

    Args:
        model: `Object2Vec`.
        query: The side of the queries, `"in0"` or `"in1"`.
        queries: float32 `(queries, enc_dim)` embeddings of that side.
        candidates: float32 `(candidates, enc_dim)` of the other side.
    """

    def __init__(
        self,
        model: Object2Vec,
        query: str,
        queries: np.ndarray,
        candidates: np.ndarray,
    ):
        self._queries = queries
        self._candidates = candidates
        head = keras.Model(model.get_layer("comparator").input, model.output)
        rows = tf.TensorSpec((None, queries.shape[1]), tf.float32)

        @tf.function(input_signature=[rows, rows])
        def score(first, second):
            pairs = tf.maximum(tf.shape(first)[0], tf.shape(second)[0])
            first = tf.broadcast_to(first, (pairs, rows.shape[1]))
            sides = first, tf.broadcast_to(second, (pairs, rows.shape[1]))
            return head(sides if query == "in0" else sides[::-1])

        self._score = score

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float32 `(queries, candidates)`."""
        second = self._candidates[candidates]
        return np.stack(
            [
                self._pairs(self._queries[row : row + 1], second)
                for row in range(queries.start, queries.stop)
            ]
        )

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, and these less the tolerance, float32."""
        scores = self._pairs(
            self._queries[queries], self._candidates[candidates]
        )
        return scores, scores - _ROUNDING * np.abs(scores)

    def _pairs(self, first, second):
        scores = []
        for start in range(0, len(second), _STEP_PAIRS):
            step = slice(start, start + _STEP_PAIRS)
            one = first if len(first) == 1 else first[step]
            scores.append(self._score(one, second[step]).numpy())
        return expected_values(np.concatenate(scores))
