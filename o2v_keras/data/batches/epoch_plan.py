"""Plans an epoch: its rows, their order and the bounds of its batches."""

import concurrent.futures
import dataclasses
import threading
from typing import Any
from typing import NamedTuple

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.batches.negative_sampling import NegativeSampler
from o2v_keras.data.batches.negative_sampling import require_negatives
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences


@dataclasses.dataclass(frozen=True)
class EpochPlan:
    """One epoch as row numbers of a table.

    Args:
        in0_rows: int64 `(rows,)`. Row whose `in0` each pair takes.
        in1_rows: int64 `(rows,)`. Row whose `in1` each pair takes.
        labels: float64 `(rows,)`.
        weights: float32 `(rows,)`. The weight of the pair's record; 0 for a
            row that fills a batch up to a multiple of the replicas, or for a
            negative that was not found.
        batch_offsets: int64 `(batches + 1,)`. Batch `i` is the rows from
            `batch_offsets[i]` to `batch_offsets[i + 1]`.
        left_out: int. Number of negatives for which no partner was found.
    """

    in0_rows: np.ndarray
    in1_rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    batch_offsets: np.ndarray
    left_out: int

    def filled_up(self, num_batches: int, rows: int) -> "EpochPlan":
        """Returns the plan with more batches, which hold fill rows only.

        Args:
            num_batches: Number of batches of the result.
            rows: Rows of each added batch.
        """
        missing = num_batches - len(self.batch_offsets) + 1
        last = self.batch_offsets[-1]

        def longer(column):
            return np.concatenate(
                [column, np.repeat(column[:1], missing * rows)]
            )

        return EpochPlan(
            longer(self.in0_rows),
            longer(self.in1_rows),
            longer(self.labels),
            np.concatenate(
                [self.weights, np.zeros(missing * rows, np.float32)]
            ),
            np.concatenate(
                [self.batch_offsets, last + rows * np.arange(1, missing + 1)]
            ),
            self.left_out,
        )


class EpochPlanner:
    """Plans epochs; a plan is a function of the seed and the epoch alone.

    In training, every epoch shuffles the rows and draws new negatives, and
    with `bucket_width` above 0 a batch holds rows whose two lengths fall in
    the same buckets. Otherwise rows keep their order, except for
    `in_batch_softmax`: it scores a row against its batch, and neighbours in a
    file have much in common. The last, shorter batch (of each bucket) stays
    short.

    Keras counts an epoch's batches once, so every epoch has as many pairs
    and batches as epoch 0. If negatives fall into other buckets than in epoch
    0, long batches are halved, or short batches of neighbouring buckets
    joined, until the number fits.

    For `bpr` a record and its negatives are a group of consecutive rows,
    which shuffling, buckets (by the longest row) and batches never split.
    Validation and test data then get negatives, too.

    Args:
        table: `PairTable` with labels.
        config: `Object2VecConfig`.
        training: Whether to shuffle, to bucket and to draw or add negatives.
        replicas: Each batch is filled up to a multiple of it with rows, or
            groups, of weight 0. Defaults to 1.
        num_batches: Batches of every epoch. Defaults to `None`: those of
            epoch 0.
        block: Number of the table among several with one seed. Defaults to
            0, which gives the epochs of a table on its own.
        known: `PairTable` of further known positives, the training data of
            validation or test data. Defaults to `None`.

    Attributes:
        num_batches: int. Batches of every epoch.
        num_rows: int. Pairs of every epoch.
        mined: `MinedRows`, or `None` without mined negatives. Plans made
            before `mined.found` is set are out of date.

    Example:
    >>> from o2v_keras.data.pair_table import PairTable
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1, enc0_vocab_size=9, mini_batch_size=2
    ... )
    >>> table = PairTable.from_arrays([[1], [2], [3]], [[4], [5], [6]], [0] * 3)
    >>> EpochPlanner(table, config, training=False).plan(0).batch_offsets
    array([0, 2, 3])
    """

    def __init__(
        self,
        table: PairTable,
        config: Object2VecConfig,
        training: bool,
        replicas: int = 1,
        num_batches: int | None = None,
        block: int = 0,
        known: PairTable | None = None,
    ):
        self._block = block
        self._table = table
        self._config = config
        self._training = training
        self._replicas = replicas
        self._sampler = None
        self._group_rows = config.group_rows
        self._batch_groups = config.mini_batch_size // self._group_rows
        grouped = self._group_rows > 1
        if config.negative_sampling_rate and (training or grouped):
            self._sampler = NegativeSampler(
                table,
                config.negative_sampling_rate,
                config.negative_sampling_side,
                config.negative_sampling_distribution,
                known,
            )
        self.mined = None
        if training and config.mined_negatives:
            self.mined = MinedRows(
                table, config.mined_negatives, config.negative_sampling_side
            )
        in_batch = config.output_layer == "in_batch_softmax"
        self._shuffled = training or in_batch
        self._bucketed = training and config.bucket_width > 0
        self._buckets0 = self._buckets(table.in0, config.encoder0)
        self._buckets1 = self._buckets(table.in1, config.encoder1)
        if training and in_batch and num_batches is None:
            require_negatives(table, config.negative_sampling_side)
        self._negatives = None
        self.num_batches: Any = num_batches
        if num_batches is None:
            self._count_epoch_0()

    def _count_epoch_0(self):
        """Takes the numbers of pairs and batches from epoch 0."""
        generator = self._generator(0)
        pairs = self._pairs(generator)
        wanted = self._config.negative_sampling_rate * len(self._table)
        if self._sampler is not None and pairs.left_out == wanted:
            raise DataError(
                f"{self._table.locate(0)}: no negative was found for this "
                "record, nor for any other: each draw gave a known positive. "
                f"negative_sampling_rate={self._config.negative_sampling_rate} "
                "needs data in which objects of one side are not paired with "
                "all of the other."
            )
        self.num_rows = pairs.in0_rows.size
        self._negatives = wanted - pairs.left_out
        _, offsets = self._batches(generator, pairs)
        self.num_batches = len(offsets) - 1

    def plan(self, epoch: int) -> EpochPlan:
        """Returns the plan of one epoch, counted from 0."""
        generator = self._generator(epoch)
        pairs = self._pairs(generator)
        order, offsets = _of_number(
            *self._batches(generator, pairs),
            self.num_batches,
            self._batch_groups,
        )
        batches = np.arange(self.num_batches)
        if self._bucketed:
            batches = generator.permutation(batches)
        starts, sizes = offsets[batches], np.diff(offsets)[batches]
        places, weights, offsets = _filled(starts, sizes, self._replicas)
        rows = order[places]
        weights = np.repeat(weights, self._group_rows)
        if pairs.found is not None:
            weights *= pairs.found[rows].reshape(-1)
        if self._table.weights is not None:
            weights *= self._table.weights[pairs.records[rows].reshape(-1)]
        return EpochPlan(
            pairs.in0_rows[rows].reshape(-1),
            pairs.in1_rows[rows].reshape(-1),
            pairs.labels[rows].reshape(-1),
            weights,
            offsets * self._group_rows,
            pairs.left_out,
        )

    def _generator(self, epoch):
        block = [self._block] if self._block else []
        return np.random.default_rng([self._config.seed, epoch, *block])

    def _buckets(self, sequences: Sequences | None, encoder):
        if not self._bucketed or sequences is None:
            return np.zeros(len(self._table), np.int64)
        lengths = np.minimum(sequences.lengths, encoder.max_seq_len)
        return (lengths - 1) // self._config.bucket_width

    def _pairs(self, generator):
        if self._group_rows > 1:
            return self._groups(generator)
        rows = np.arange(len(self._table))
        parts, left_out = [(rows, rows, self._table.labels, rows)], 0
        if self._sampler is not None:
            drawn = self._sampler.sample(generator, self._negatives)
            labels = np.zeros(len(drawn.records))
            parts.append(
                (drawn.in0_rows, drawn.in1_rows, labels, drawn.records)
            )
            left_out = drawn.left_out
        if self.mined is not None:
            in0_rows, in1_rows, records = self.mined.pairs(generator)
            labels = np.zeros(len(records))
            parts.append((in0_rows, in1_rows, labels, records))
        columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return _Pairs(*columns, left_out=left_out)

    def _groups(self, generator):
        """Sets each record before its negatives, a row for each group."""
        draws = self._sampler.draw(generator)
        rows = np.arange(len(self._table))

        def grouped(positives, negatives):
            negatives = negatives.reshape(len(rows), -1)
            return np.column_stack([positives, negatives])

        return _Pairs(
            grouped(rows, draws.in0_rows),
            grouped(rows, draws.in1_rows),
            grouped(self._table.labels, np.zeros(len(draws.found))),
            grouped(rows, draws.records),
            int(np.count_nonzero(~draws.found)),
            grouped(np.ones(len(rows), bool), draws.found),
        )

    def _batches(self, generator, pairs):
        """Orders the pairs, bucket by bucket, and cuts them into batches."""
        order = np.arange(len(pairs.in0_rows))
        if self.mined is not None:
            order = order[
                : -self._config.mined_negatives * len(self.mined.records)
            ]
        if self._shuffled:
            order = generator.permutation(order)
        if self.mined is not None:
            order = self.mined.after_records(order, len(order))
        edges = np.array([0, len(order)])
        if self._bucketed:
            buckets0 = _longest(self._buckets0[pairs.in0_rows[order]])
            buckets1 = _longest(self._buckets1[pairs.in1_rows[order]])
            buckets = buckets0 * (self._buckets1.max(initial=0) + 1) + buckets1
            # NumPy sorts integers of 16 bits in linear time.
            buckets = buckets.astype(np.min_scalar_type(buckets.max(initial=0)))
            by_bucket = np.argsort(buckets, kind="stable")
            changes = np.flatnonzero(np.diff(buckets[by_bucket])) + 1
            edges = np.concatenate([edges[:1], changes, edges[1:]])
            order = order[by_bucket]
        return order, _cut(edges, self._batch_groups)


class PlanPrefetch:
    """Prefetches the plan of the next epoch in a background thread.

    A plan is a function of the epoch alone, so prefetching changes only the
    time. At most one plan is kept.

    Args:
        planner: `EpochPlanner`.

    Example:
    >>> from o2v_keras.data.pair_table import PairTable
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [0, 1])
    >>> plans = PlanPrefetch(EpochPlanner(table, config, training=True))
    >>> plans.take(0).batch_offsets
    array([0, 2])
    """

    def __init__(self, planner: EpochPlanner):
        self._planner = planner
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "plan_prefetch")
        self._lock = threading.Lock()
        self._epoch = None
        self._plan = None

    def peek(self, epoch: int) -> EpochPlan:
        """Returns the plan of an epoch and keeps it."""
        return self._begun(epoch).result()

    def take(self, epoch: int) -> EpochPlan:
        """Returns the plan of an epoch and starts to make the next."""
        plan = self.peek(epoch)
        self._begun(epoch + 1)
        return plan

    def forget(self):
        """Drops the prefetched plan, after a change of the planner."""
        with self._lock:
            self._epoch = self._plan = None

    def _begun(self, epoch):
        with self._lock:  # several iterators may ask at once
            if epoch != self._epoch:
                self._plan = self._pool.submit(self._planner.plan, epoch)
                self._epoch = epoch
            return self._plan


class _Pairs(NamedTuple):
    """The pairs of an epoch, in no order: `(pairs,)` or `(groups, rows)`."""

    in0_rows: np.ndarray
    in1_rows: np.ndarray
    labels: np.ndarray
    records: np.ndarray
    left_out: int
    found: np.ndarray | None = None


def _longest(buckets):
    """The bucket of each pair, or of a group's longest one."""
    return buckets if buckets.ndim == 1 else buckets.max(axis=1)


def _cut(edges, size):
    """Offsets of batches of `size` rows, the last before an edge shorter."""
    counts = -(-np.diff(edges) // size)
    starts = np.repeat(edges[:-1], counts) + size * _positions(counts)
    return np.append(starts, edges[-1])


def _positions(lengths):
    """Counts from 0 within each of consecutive runs of the given lengths."""
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)


def _of_number(order, offsets, number, size):
    """Halves or joins batches until there are `number` of them.

    As long as `number` batches of `size` hold all rows, none grows longer.
    """
    if len(order) < number:
        raise DataError(
            f"{number} batches cannot be made of {len(order)} rows: too few "
            "negatives were found. Lower `negative_sampling_rate` or raise "
            "`stream_rows`."
        )
    sizes = np.diff(offsets)
    if len(sizes) > number:
        short = np.repeat(sizes < size, sizes)
        order = np.concatenate([order[~short], order[short]])
        whole = size * np.arange(np.count_nonzero(sizes == size) + 1)
        rest = len(order) - whole[-1]
        share, larger = divmod(rest, number - len(whole) + 1)
        shares = np.full(number - len(whole) + 1, share)
        shares[:larger] += 1
        offsets = np.concatenate([whole, whole[-1] + np.cumsum(shares)])
    while len(offsets) <= number:
        longest = np.argmax(np.diff(offsets))
        half = (offsets[longest] + offsets[longest + 1] + 1) // 2
        offsets = np.insert(offsets, longest + 1, half)
    return order, offsets


def _filled(starts, sizes, replicas):
    """Places of the rows of batches, filled up to a multiple of `replicas`."""
    lengths = sizes + -sizes % replicas
    positions = _positions(lengths)
    real = positions < np.repeat(sizes, lengths)
    places = np.repeat(starts, lengths) + np.where(real, positions, 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return places, real.astype(np.float32), offsets
