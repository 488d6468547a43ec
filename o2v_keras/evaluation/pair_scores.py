"""Scores of queries with candidates, by a model or a baseline."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trainable_model import scores_of

_HEAD_ROUNDING = 1e-6
_STEP_PAIRS = 1 << 13
# Tolerance relative to the lengths of the vectors. Float32 sums of products
# differ by less if their order or the encoder's batch differs.
_ROUNDING = 1e-6


class PopularityScores:
    """Ranks candidates by frequency, alike for all queries.

    Candidates of equal frequency keep their order, which is pseudo-random in
    a `RankingTask`: ties that count against a baseline would favor the model.

    Args:
        counts: int64 `(candidates,)`.

    Example:
    >>> scores = PopularityScores(np.array([5, 0, 5]))
    >>> scores.block(slice(0, 1), slice(0, 3)).argsort()
    array([[1, 2, 0]])
    """

    def __init__(self, counts: np.ndarray):
        self._scores = counts + _tie_break(len(counts), 0.5)

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float64 `(queries, candidates)`."""
        rows = queries.stop - queries.start
        return np.tile(self._scores[candidates], (rows, 1))

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, float64, twice: they have no tolerance."""
        scores = self._scores[candidates]
        return scores, scores


class TfidfScores:
    """Cosines of the TF-IDF vectors of texts.

    Document frequencies are those in the texts of both sides. Ties keep the
    candidates' order, which is pseudo-random in a `RankingTask`.

    Args:
        queries: The text of each query.
        candidates: The text of each candidate.
        **settings: Arguments of scikit-learn's `TfidfVectorizer`.

    Example:
    >>> scores = TfidfScores(["a red house"], ["blue sky", "the red door"])
    >>> scores.block(slice(0, 1), slice(0, 2)).argmax()
    np.int64(1)
    """

    def __init__(
        self, queries: Sequence[str], candidates: Sequence[str], **settings: Any
    ):
        vectorizer = TfidfVectorizer(sublinear_tf=True, **settings)
        vectorizer.fit([*queries, *candidates])
        self._queries = vectorizer.transform(queries)
        self._candidates = vectorizer.transform(candidates)
        self._tie_break = _tie_break(len(candidates), 1e-9)

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float64 `(queries, candidates)`."""
        cosines = self._queries[queries] @ self._candidates[candidates].T
        return cosines.toarray() + self._tie_break[candidates]

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, float64, twice: they have no tolerance."""
        products = self._queries[queries].multiply(self._candidates[candidates])
        cosines = np.asarray(products.sum(axis=1)).reshape(-1)
        scores = cosines + self._tie_break[candidates]
        return scores, scores


def _tie_break(count, width):
    """Returns additions to break ties, falling from almost `width` to 0."""
    return width * (np.arange(count, 0, -1) - 1) / count


def require_pair_scores(model: keras.Model) -> None:
    """Raises `ValueError` if a model's head scores no pairs.

    Args:
        model: `Object2Vec`.
    """
    config = model.config
    if len(config.sides) < 2:
        raise ValueError(
            "`model` must score pairs, but its head, output_layer="
            f'"{config.output_layer}", learns vectors of one side alone. Use '
            "its embeddings: `o2v embed`, `embed(model, ...)`, or an export "
            'with `--mode embedding`, `mode="embedding"`; compare them by '
            f'cosine. Received: output_layer="{config.output_layer}"'
        )


class HeadScores:
    """Scores pairs of embeddings by the model's comparator, MLP and head.

    A score is the pair's value or expected class (`expected_values`); scores
    are equal if they differ by less than 1e-6 of their size. Every pair runs
    through the MLP, which is much slower than a matrix product.

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
        head = keras.Model(
            model.get_layer("comparator").input, scores_of(model.output)
        )
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
        """Returns the pairs' scores, and these minus a tolerance, float32."""
        scores = self._pairs(
            self._queries[queries], self._candidates[candidates]
        )
        return scores, scores - _HEAD_ROUNDING * np.abs(scores)

    def _pairs(self, first, second):
        scores = []
        for start in range(0, len(second), _STEP_PAIRS):
            step = slice(start, start + _STEP_PAIRS)
            one = first if len(first) == 1 else first[step]
            scores.append(self._score(one, second[step]).numpy())
        return expected_values(np.concatenate(scores))


class EmbeddingScores:
    """Dot products or cosines of queries' and candidates' embeddings.

    Scores are equal if they differ by at most 1e-6 of the product of the
    vectors' lengths.

    Args:
        queries: float32 `(queries, dim)`.
        candidates: float32 `(candidates, dim)`.
        normalize: bool. Whether scores are cosines. A vector of zeros has
            cosine 0.

    Raises:
        ValueError: If a number is NaN or infinite.

    Example:
    >>> vectors = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)
    >>> scores = EmbeddingScores(vectors, vectors, normalize=True)
    >>> scores.block(slice(0, 1), slice(0, 2)).round(3)
    array([[1. , 0.8]], dtype=float32)
    """

    def __init__(
        self, queries: np.ndarray, candidates: np.ndarray, normalize: bool
    ):
        for vectors in (queries, candidates):
            if not np.isfinite(vectors).all():
                raise ValueError(
                    "Embeddings must be finite numbers to be ranked by, but "
                    "some are NaN or infinite. Did training diverge?"
                )
        if normalize:
            queries, candidates = _unit(queries), _unit(candidates)
        self._queries = queries
        self._candidates = candidates

    def block(self, queries: slice, candidates: slice) -> np.ndarray:
        """Returns float32 `(queries, candidates)`."""
        return self._queries[queries] @ self._candidates[candidates].T

    def pairs(
        self, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs' scores, and these minus a tolerance, float32."""
        first, second = self._queries[queries], self._candidates[candidates]
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        scores = np.vecdot(first, second)
        return scores, scores - _ROUNDING * lengths


def _unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def expected_values(scores: np.ndarray) -> np.ndarray:
    """Returns values unchanged, and the expected class of probabilities.

    For two classes the expected class is the probability of class 1, for five
    grades the mean grade.

    Args:
        scores: `(rows, 1)` values or `(rows, num_classes)` probabilities.

    Returns:
        `(rows,)`.

    Example:
    >>> expected_values(np.array([[0.25, 0.75], [0.5, 0.5]]))
    array([0.75, 0.5 ])
    """
    if scores.shape[1] == 1:
        return scores[:, 0]
    return scores @ np.arange(scores.shape[1], dtype=scores.dtype)
