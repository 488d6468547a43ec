"""Targets of the in-batch softmax: known partners and object counts."""

from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.epoch_plan import EpochPlan
from o2v_keras.data.global_ids import global_ids
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences

_QUERIES = {"in1": ("in0",), "in0": ("in1",), "both": ("in0", "in1")}
_OTHER = {"in0": "in1", "in1": "in0"}
# Columns of the result of `of_plan`.
_OBJECT = {"in0": 2, "in1": 3}
_COUNT = {"in0": 4, "in1": 5}
# Bits packed into an int64.
_WORD = 32


class Candidates(NamedTuple):
    """One side's objects as candidate negatives of a batch's rows.

    Args:
        counts: int64 `(rows,)`. Count of each row's object in the epoch.
        excluded: bool `(rows, batch)`. Whether an object of the batch is no
            negative of the row; see `InBatchTargets`.
    """

    counts: tf.Tensor
    excluded: tf.Tensor


def directions(
    side: str, same_side_negatives: bool = False
) -> tuple[tuple[str, str], ...]:
    """Returns the sides of queries and of their candidates.

    Args:
        side: The side whose objects become negatives: `"in1"`, `"in0"` or
            `"both"`.
        same_side_negatives: Whether queries are candidates of each other,
            too. Defaults to `False`.

    Example:
    >>> directions("both")
    (('in0', 'in1'), ('in1', 'in0'))
    >>> directions("in1", same_side_negatives=True)
    (('in0', 'in1'), ('in0', 'in0'))
    """
    return tuple(
        (query, candidates)
        for query in _QUERIES[side]
        for candidates in (_OTHER[query], query)
        if same_side_negatives or candidates != query
    )


def unpack_targets(
    targets: tf.Tensor, batch: tf.Tensor, num_directions: int
) -> tuple[tf.Tensor, tf.Tensor, list[Candidates]]:
    """Unpacks the result of `InBatchTargets.of_batch`.

    Args:
        targets: int64 `(rows, columns)`.
        batch: Rows of the global batch; `targets` may be a part of it.
        num_directions: Number of `directions`.

    Returns:
        The rows' labels, int64 `(rows,)`; their positions in the global
        batch, int64 `(rows,)`; and `Candidates` for each direction.
    """
    labels, places, packed = targets[:, 0], targets[:, 1], targets[:, 2:]
    candidates = []
    for block in tf.split(packed, num_directions, axis=1):
        words = block[:, 1:, None]  # (rows, words, 1)
        bits = tf.bitwise.right_shift(words, tf.range(_WORD, dtype=tf.int64))
        bits = tf.reshape(
            tf.bitwise.bitwise_and(bits, 1), [tf.shape(bits)[0], -1]
        )
        candidates.append(Candidates(block[:, 0], bits[:, :batch] > 0))
    return labels, places, candidates


class InBatchTargets:
    """Computes the targets of `InBatchSoftmaxLoss` inside the dataset.

    Equal sequences of a side are one object. The candidates of a batch are
    the objects of all its rows. A row's known partners, anywhere in the data,
    and fill rows are no negatives of it; with `exclude_query_tokens`, neither
    are objects of one id that is among the ids of its query.

    Of the query's own side, no negatives are the query itself and every
    object that has the row's other object as a known partner, too: two
    questions with one answer are alike. (Objects that share some other
    partner stay: of two people, nearly every pair has seen one film.) If both
    sides have ids of one vocabulary, an object that is a known partner of the
    query on either side is none either.

    Targets are int64 `(rows, columns)`, so that TensorFlow shards them by row
    like the rest of a batch. The columns are the label, the position in the
    global batch, and for each of the `directions` the count of the row's
    candidate in the epoch and a bit for each row of the global batch: whether
    its candidate is excluded.

    Args:
        table: `PairTable` with labels 0 and 1.
        side: The side whose objects become negatives: `"in1"`, `"in0"` or
            `"both"`. Defaults to `"in1"`.
        training: Training data of validation or test data: its pairs are
            known, and its objects are counted, too. Defaults to `None`.
        same_side_negatives: Whether the other objects of the query's own side
            are candidates, too. Defaults to `False`.
        one_vocabulary: Whether equal ids of both sides are one object.
            Defaults to `False`.
        exclude_query_tokens: Whether candidates that a query holds are no
            negatives. Defaults to `False`.
        unknown_id: Id that stands for many objects and is no token in common.
            Defaults to 0: none.

    Attributes:
        dtype: dtype of the targets, int64.
        rank: Rank of the result of `of_plan`.
    """

    dtype = np.int64
    rank = 2

    def __init__(
        self,
        table: PairTable,
        side: str = "in1",
        training: PairTable | None = None,
        same_side_negatives: bool = False,
        one_vocabulary: bool = False,
        exclude_query_tokens: bool = False,
        unknown_id: int = 0,
    ):
        tables = [table] if training is None else [table, training]
        labels: list[Any] = [part.labels for part in tables]
        positive = np.concatenate(labels) == 1
        self._directions = directions(side, same_side_negatives)
        self._one_vocabulary = same_side_negatives and one_vocabulary
        numbers = _numbers(tables, self._one_vocabulary)
        size = max(numbers[name].max() for name in _OTHER) + 1
        queries = _OTHER if same_side_negatives else _QUERIES[side]
        self._known = {
            name: KnownPartners(
                numbers[name][positive], numbers[_OTHER[name]][positive], size
            )
            for name in queries
        }
        self._no_negatives = self._known
        if exclude_query_tokens:
            self._no_negatives = {
                query: _with_tokens(
                    tables, numbers, positive, query, size, unknown_id
                )
                for query in _QUERIES[side]
            }
        rows = len(table)
        self._numbers = {name: all_[:rows] for name, all_ in numbers.items()}
        self._counts = {
            name: np.bincount(all_[rows:], minlength=all_.max() + 1)
            for name, all_ in numbers.items()
        }

    def of_plan(self, plan: EpochPlan) -> np.ndarray:
        """Returns an epoch's columns for `of_batch`.

        Args:
            plan: `EpochPlan` of the table.

        Returns:
            int64 `(rows, 6)`: label, 1 for a real row and 0 for a fill row,
            the ids of its two objects, and their counts in the epoch.
        """
        real = plan.weights > 0
        objects, counts = [], []
        for name, rows in (("in0", plan.in0_rows), ("in1", plan.in1_rows)):
            numbers = self._numbers[name][rows]
            known = self._counts[name]
            times = known + np.bincount(numbers[real], minlength=len(known))
            objects.append(numbers)
            counts.append(times[numbers])
        return np.stack(
            [plan.labels, real, *objects, *counts],
            1,
            dtype=np.int64,
            casting="unsafe",
        )

    def of_batch(self, rows: tf.Tensor, index: int, count: int) -> tf.Tensor:
        """Returns the targets of a worker's rows of a batch.

        Args:
            rows: A batch of the result of `of_plan`, int64 `(rows, 6)`.
            index: Number of the worker, which takes every `count`-th row from
                `index` on.
            count: Number of workers. The global batch holds their rows worker
                by worker.

        Returns:
            int64 `(rows of the worker, columns)`; see the class.
        """
        everyone = tf.concat([rows[i::count] for i in range(count)], axis=0)
        own = rows[index::count]
        before = sum(tf.shape(rows[i::count])[0] for i in range(index))
        places = before + tf.range(tf.shape(own)[0])
        columns = [own[:, 0], tf.cast(places, tf.int64)]
        blocks = [tf.stack(columns, axis=1)]
        fill = everyone[:, 1] == 0
        itself = tf.one_hot(
            places, tf.shape(everyone)[0], True, False, dtype=tf.bool
        )
        for query, candidates in self._directions:
            if candidates == query:
                excluded = self._alike(query, own, everyone) | fill
            else:
                known = self._no_negatives[query].among(
                    own[:, _OBJECT[query]], everyone[:, _OBJECT[candidates]]
                )
                excluded = (known | fill) & ~itself
            blocks.append(own[:, _COUNT[candidates], None])
            blocks.append(_packed(excluded))
        return tf.concat(blocks, axis=1)

    def _alike(self, side, own, everyone):
        """Marks objects of a side that are no negatives of each other."""
        other = _OTHER[side]
        queries = own[:, _OBJECT[side]]
        candidates = everyone[:, _OBJECT[side]]
        partners = own[:, _OBJECT[other]]
        alike = queries[:, None] == candidates
        alike |= self._known[other].among(partners, candidates)
        if self._one_vocabulary:
            for known in self._known.values():
                alike |= known.among(queries, candidates)
        return alike


class KnownPartners:
    """Looks up known pairs of a batch inside a TensorFlow graph.

    A batch takes time in proportion to the known partners of its objects,
    and memory for its distinct objects times its candidates.

    Args:
        objects: int64 `(pairs,)`. One object of each known pair.
        partners: int64 `(pairs,)`. The other object. Pairs may repeat.
        num_objects: Number of objects, with or without a partner.

    Example:
    >>> known = KnownPartners(np.array([0, 0, 1]), np.array([5, 7, 5]), 3)
    >>> known.among(tf.constant([0, 2], tf.int64), tf.constant([7, 5, 6],
    ...     tf.int64)).numpy()
    array([[ True,  True, False],
           [False, False, False]])
    """

    def __init__(
        self, objects: np.ndarray, partners: np.ndarray, num_objects: int
    ):
        order = np.lexsort((partners, objects))
        objects, partners = objects[order], partners[order]
        first = np.ones(len(objects), bool)
        first[1:] = np.diff(objects).astype(bool) | np.diff(partners).astype(
            bool
        )
        counts = np.bincount(objects[first], minlength=num_objects)
        with tf.device("CPU:0"):
            self._partners = tf.constant(partners[first], tf.int64)
            self._offsets = tf.constant(np.append(0, counts.cumsum()), tf.int64)

    def among(self, objects: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Marks the candidates that are known partners of objects.

        Args:
            objects: int64 `(rows,)`.
            candidates: int64 `(candidates,)`, at least one.

        Returns:
            bool `(rows, candidates)`.
        """
        distinct, numbers = tf.unique(objects)
        ragged = tf.raw_ops.RaggedGather(
            params_nested_splits=[self._offsets],
            params_dense_values=self._partners,
            indices=distinct,
            OUTPUT_RAGGED_RANK=1,
        )
        (offsets,) = ragged.output_nested_splits
        partners = ragged.output_dense_values
        rows = tf.repeat(
            tf.range(tf.size(distinct)), offsets[1:] - offsets[:-1]
        )
        ordered = tf.sort(candidates)
        places = tf.searchsorted(ordered, partners)
        last = tf.size(ordered) - 1
        found = tf.gather(ordered, tf.minimum(places, last)) == partners
        cells = tf.boolean_mask(tf.stack([rows, places], axis=1), found)
        known = tf.scatter_nd(
            cells,
            tf.ones(tf.shape(cells)[:1], tf.int32),
            tf.stack([tf.size(distinct), tf.size(ordered)]),
        )  # (distinct objects, candidates in order)
        known = tf.gather(
            known > 0, tf.searchsorted(ordered, candidates), axis=1
        )
        return tf.gather(known, numbers)


def _numbers(tables, one_vocabulary):
    """Numbers the objects of both sides, each alone or both together."""
    sides = {
        name: Sequences.concat([part.sides[name] for part in tables])
        for name in ("in0", "in1")
    }
    if not one_vocabulary:
        return {name: global_ids(rows) for name, rows in sides.items()}
    both = global_ids(Sequences.concat(list(sides.values())))
    return dict(zip(sides, np.split(both, 2), strict=True))


def _with_tokens(tables, numbers, positive, query, size, unknown_id):
    """Returns the known partners of queries, and the tokens they hold."""
    other = _OTHER[query]
    sides = {
        name: Sequences.concat([part.sides[name] for part in tables])
        for name in (query, other)
    }
    tokens, candidates = sides[query].values, sides[other]
    single = candidates.lengths == 1
    number_of = np.full(max(tokens.max(), candidates.values.max()) + 1, -1)
    ids = candidates.values[candidates.offsets[:-1][single]]
    number_of[ids] = numbers[other][single]
    found = np.where(tokens == unknown_id, -1, number_of[tokens])
    holders = np.repeat(numbers[query], sides[query].lengths)
    return KnownPartners(
        np.append(numbers[query][positive], holders[found >= 0]),
        np.append(numbers[other][positive], found[found >= 0]),
        size,
    )


def _packed(bits):
    """Packs bool `(rows, n)` into int64 `(rows, ceil(n / 32))`."""
    rows, width = tf.unstack(tf.shape(bits))
    bits = tf.pad(tf.cast(bits, tf.int64), [[0, 0], [0, -width % _WORD]])
    bits = tf.reshape(bits, [rows, -1, _WORD])
    weights = tf.constant(1 << np.arange(_WORD, dtype=np.int64))
    return tf.reduce_sum(bits * weights, axis=2)
