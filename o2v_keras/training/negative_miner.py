"""Searches the corpus for what a model takes for positives."""

import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.object_numbers import object_numbers
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.embedding_scores import EmbeddingScores
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.evaluation.ranking_task import Links
from o2v_keras.models.object2vec import Object2Vec

_QUERIES = 256
_CANDIDATES = 8192
# Neighbours of an object that its records share, at most; more where a
# record asks for more.
_NEIGHBORS = 100


class NegativeMiner:
    """Finds the nearest objects that are no known partners, exactly.

    The records of an object take turns through its nearest ones, up to 100,
    so that they do not all meet the same negatives. Where an object has too
    few partners that are not known, some come again; one that knows the
    whole corpus gets known partners, which the loss leaves out.

    Memory: the encodings of all distinct objects, and a block of 256 x 8,192
    similarities.

    Args:
        model: `Object2Vec`, whose `similarity` is searched by.
        table: `PairTable` of its training data, with labels.
        mined: `MinedRows` of the table.
        per_record: Negatives of each positive.
    """

    def __init__(
        self,
        model: Object2Vec,
        table: PairTable,
        mined: MinedRows,
        per_record: int,
    ):
        self._normalize = model.config.similarity == "cosine"
        self._records = mined.records
        self._per_record = per_record
        self._exchanges_in1 = mined.exchanges_in1
        self._objects, self._rows, self._encode = {}, {}, {}
        for side, sequences in table.sides.items():
            numbers = object_numbers(sequences)
            first = np.unique(numbers, return_index=True)[1]
            self._objects[side] = numbers
            self._rows[side] = first
            self._encode[side] = embed_rows(model, side, sequences.take(first))

    def __call__(self) -> np.ndarray:
        """Searches by the weights as they are.

        Returns:
            int64 `(positives, per_record)`, as `MinedRows.found`.
        """
        encodings = {side: encode() for side, encode in self._encode.items()}
        in1 = self._exchanges_in1
        parts = [
            self._of_side(encodings, "in0", "in1", in1),
            self._of_side(encodings, "in1", "in0", self._per_record - in1),
        ]
        return np.concatenate(parts, axis=1)

    def _of_side(self, encodings, kept, exchanged, count):
        """Returns `count` rows for each record to exchange a side with."""
        if not count:
            return np.empty((len(self._records), 0), np.int64)
        owners = self._objects[kept][self._records]
        partners = self._objects[exchanged][self._records]
        num_owners = len(self._rows[kept])
        known = Links.of(owners, partners, num_owners)
        turns, records = _turns(owners, num_owners)
        most = max(count, min(_NEIGHBORS, count * records.max()))
        most = min(most, len(self._rows[exchanged]))
        scores = EmbeddingScores(
            encodings[kept], encodings[exchanged], self._normalize
        )
        nearest = _nearest(scores, known, len(self._rows[exchanged]), most)
        unknown = len(self._rows[exchanged]) - known.counts
        shared = np.clip(np.minimum(unknown, count * records), 1, most)
        places = turns[:, None] * count + np.arange(count)
        places %= shared[owners][:, None]
        return self._rows[exchanged][nearest[owners[:, None], places]]


def _turns(owners, num_owners):
    """Counts each record among its owner's, and the owners' records."""
    order = np.argsort(owners, kind="stable")
    records = np.bincount(owners, minlength=num_owners)
    starts = np.cumsum(records) - records
    turns = np.empty(len(owners), np.int64)
    turns[order] = np.arange(len(owners)) - starts[owners[order]]
    return turns, records


def _nearest(scores, known, num_candidates, count):
    """Returns the nearest candidates that are not known, nearest first."""
    num_queries = len(known.starts) - 1
    nearest = np.empty((num_queries, count), np.int64)
    for start in range(0, num_queries, _QUERIES):
        queries = slice(start, min(start + _QUERIES, num_queries))
        best = np.empty((queries.stop - start, 0), np.float32)
        numbers = np.empty(best.shape, np.int64)
        for first in range(0, num_candidates, _CANDIDATES):
            last = min(first + _CANDIDATES, num_candidates)
            block = scores.block(queries, slice(first, last))
            _leave_out(block, known, queries, first)
            best = np.concatenate([best, block], axis=1)
            columns = np.broadcast_to(np.arange(first, last), block.shape)
            numbers = np.concatenate([numbers, columns], axis=1)
            best, kept = tf.math.top_k(best, min(count, best.shape[1]))
            best = best.numpy()
            numbers = np.take_along_axis(numbers, kept.numpy(), axis=1)
        nearest[queries] = numbers
    return nearest


def _leave_out(block, known, queries, first):
    """Puts known partners last."""
    links = known.of_queries(queries)
    rows = known.queries[links] - queries.start
    columns = known.candidates[links] - first
    within = (columns >= 0) & (columns < block.shape[1])
    block[rows[within], columns[within]] = -np.inf
