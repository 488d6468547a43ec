"""Negative pairs for data that holds only positive ones."""

import dataclasses
from typing import NamedTuple

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.global_ids import global_ids
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences

_DRAWS = 20


@dataclasses.dataclass(frozen=True)
class Negatives:
    """Pairs that no record holds, as rows of the table.

    Args:
        in0_rows: int64 `(negatives,)`. Row whose `in0` a negative takes.
        in1_rows: int64 `(negatives,)`. Row whose `in1` a negative takes.
        records: int64 `(negatives,)`. The record of each negative.
        left_out: int. Number of negatives whose draws all hit known
            positives.
    """

    in0_rows: np.ndarray
    in1_rows: np.ndarray
    records: np.ndarray
    left_out: int


class Draws(NamedTuple):
    """Negatives of every record, in the order of the records.

    Args:
        in0_rows: int64 `(draws,)`. Row whose `in0` a negative takes.
        in1_rows: int64 `(draws,)`. Row whose `in1` a negative takes.
        records: int64 `(draws,)`. The record of each negative.
        found: bool `(draws,)`. Whether the pair is no known positive.
    """

    in0_rows: np.ndarray
    in1_rows: np.ndarray
    records: np.ndarray
    found: np.ndarray


def with_negatives(
    table: PairTable, config: Object2VecConfig, known: PairTable | None = None
) -> PairTable:
    """Adds negatives to validation or test data that hold only positives.

    Each record gets `negative_sampling_rate` negatives, as in training. The
    seed draws them from the table's own objects, the same in every epoch.
    Data with other labels than 1 already have negatives and are returned
    unchanged; so are data for `bpr` and `in_batch_softmax`, whose batches make
    negatives.

    Args:
        table: `PairTable` with labels, of validation or test data.
        config: `Object2VecConfig` of the training.
        known: `PairTable` of the training data, whose pairs are no negatives.
            Defaults to `None`.

    Returns:
        `PairTable` with rows labelled 0 after the table's own.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1, enc0_vocab_size=9, negative_sampling_rate=1
    ... )
    >>> positives = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    >>> with_negatives(positives, config).labels
    array([1., 1., 0., 0.])
    """
    heads = ("softmax", "mean_squared_error")
    draws = config.negative_sampling_rate and config.output_layer in heads
    if not draws or not len(table) or (table.labels != 1).any():
        return table
    drawn = NegativeSampler(
        table,
        config.negative_sampling_rate,
        config.negative_sampling_side,
        config.negative_sampling_distribution,
        known,
    ).sample(np.random.default_rng([config.seed, 0]))
    negatives = dataclasses.replace(
        table.take(drawn.records),
        in0=table.in0.take(drawn.in0_rows),
        in1=table.in1.take(drawn.in1_rows),
        labels=np.zeros(len(drawn.records)),
    )
    return PairTable.concat([table, negatives])


def require_negatives(table: PairTable, side: str) -> None:
    """Raises `DataError` if `in_batch_softmax` can have no negatives.

    The negatives of a positive are the other objects of the data, except its
    known partners.

    Args:
        table: `PairTable` of the training data, with labels 0 and 1.
        side: The exchanged side: `"in1"`, `"in0"` or `"both"`.

    Example:
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    >>> require_negatives(table, "in1")
    """
    numbers = [global_ids(table.sides[name]) for name in ("in0", "in1")]
    width = numbers[1].max() + 1
    pairs = (numbers[0] * width + numbers[1])[table.labels == 1]
    pairs = np.divmod(np.unique(pairs), width)
    for name, kept, exchanged in (("in1", 0, 1), ("in0", 1, 0)):
        if side in (name, "both"):
            partners = np.unique(pairs[kept], return_counts=True)[1]
            if (partners <= numbers[exchanged].max()).any():
                return
    raise DataError(
        'With output_layer="in_batch_softmax" a positive is told from other '
        "objects, but in these data each object is a known partner of all "
        f'that negative_sampling_side="{side}" could make a negative of it: '
        "there is nothing to learn. Add records of other objects."
    )


class NegativeSampler:
    """Draws negatives by exchanging one side of a record.

    The exchanged side comes from another record, or uniformly from all
    distinct objects, and is never a known positive partner of the kept side.
    A negative whose 20 draws all hit known positives is left out and counted.

    Args:
        table: `PairTable` of positive records.
        rate: Negatives per record, at least 1.
        side: The exchanged side: `"in1"`, `"in0"` or `"both"` (each with
            probability 0.5). Defaults to `"in1"`; SageMaker's documented use
            pairs a sentence with a document that it is not from.
        distribution: `"records"` draws records, so objects by frequency;
            `"objects"` draws distinct objects uniformly. Defaults to
            `"records"`.
        known: `PairTable` of further known positives. Defaults to `None`.

    Example:
    >>> from o2v_keras.data.pair_table import PairTable
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    >>> negatives = NegativeSampler(table, rate=1).sample(
    ...     np.random.default_rng(0)
    ... )
    >>> negatives.in0_rows, negatives.in1_rows
    (array([0, 1]), array([1, 0]))
    """

    def __init__(
        self,
        table: PairTable,
        rate: int,
        side: str = "in1",
        distribution: str = "records",
        known: PairTable | None = None,
    ):
        self._rate = rate
        self._side = side
        tables = [table] if known is None else [table, known]
        objects0, objects1 = (
            global_ids(Sequences.concat([t.sides[side] for t in tables]))
            for side in ("in0", "in1")
        )
        self._distinct1 = objects1.max(initial=0) + 1
        self._known = _NumberSet(objects0 * self._distinct1 + objects1)
        self._objects0 = objects0[: len(table)]
        self._objects1 = objects1[: len(table)]
        by_object = distribution == "objects"
        # The rows drawn from: all of them, or one row for each object.
        self._pool0 = _pool(self._objects0, by_object)
        self._pool1 = _pool(self._objects1, by_object)

    def sample(
        self, generator: np.random.Generator, exactly: int | None = None
    ) -> Negatives:
        """Draws one epoch's negatives.

        Args:
            generator: The same state draws the same negatives.
            exactly: Number of negatives to return. A surplus is dropped at
                random; a shortage is filled by further draws. Defaults to
                `None`: all that are found.
        """
        columns = self._draw_found(generator)
        wanted = self._rate * len(self._objects0)
        if exactly is not None and len(columns[0]) != exactly:
            while len(columns[0]) < exactly:
                more = self._draw_found(generator)
                columns = [
                    np.concatenate(parts)
                    for parts in zip(columns, more, strict=True)
                ]
            kept = generator.permutation(len(columns[0]))[:exactly]
            columns = [column[kept] for column in columns]
        return Negatives(*columns, left_out=wanted - len(columns[0]))

    def _draw_found(self, generator):
        *columns, found = self.draw(generator)
        return [column[found] for column in columns]

    def draw(self, generator: np.random.Generator) -> Draws:
        """Draws `rate` negatives a record; `found` marks the valid ones.

        Args:
            generator: The same state draws the same negatives.
        """
        records = np.repeat(np.arange(len(self._objects0)), self._rate)
        in0_rows, in1_rows = records.copy(), records.copy()
        exchange0 = self._exchanges_in0(generator, len(in0_rows))
        pending = np.arange(len(in0_rows))
        for _ in range(_DRAWS):
            first = exchange0[pending]
            self._draw(generator, self._pool0, in0_rows, pending[first])
            self._draw(generator, self._pool1, in1_rows, pending[~first])
            numbers = self._pair_numbers(in0_rows[pending], in1_rows[pending])
            pending = pending[self._known.holds(numbers)]
            if not len(pending):
                break
        found = np.ones(len(in0_rows), bool)
        found[pending] = False
        return Draws(in0_rows, in1_rows, records, found)

    def _pair_numbers(self, in0_rows, in1_rows):
        numbers = self._objects0[in0_rows] * self._distinct1
        return numbers + self._objects1[in1_rows]

    def _exchanges_in0(self, generator, count):
        if self._side == "both":
            return generator.random(count) < 0.5
        return np.full(count, self._side == "in0")

    @staticmethod
    def _draw(generator, pool, rows, places):
        rows[places] = pool[generator.integers(len(pool), size=len(places))]


def _pool(objects, by_object):
    if by_object:
        return np.unique(objects, return_index=True)[1]
    return np.arange(len(objects))


class _NumberSet:
    """Set membership of numbers, with a fast bit-mask test first.

    Args:
        numbers: int64 `(n,)`, repeats allowed.
    """

    def __init__(self, numbers):
        # np.unique hashes, which is ten times as slow as this sort.
        self._sorted = np.sort(numbers)
        # A mark for each hash; at most one mark in eight is set.
        self._bits = max(8 * len(numbers), 1).bit_length()
        self._marks = np.zeros(1 << self._bits, bool)
        self._marks[self._hashes(numbers)] = True

    def holds(self, numbers):
        held = self._marks[self._hashes(numbers)]
        likely = numbers[held]
        places = np.searchsorted(self._sorted, likely)
        places = np.minimum(places, len(self._sorted) - 1)
        held[held] = self._sorted[places] == likely
        return held

    def _hashes(self, numbers):
        # Fibonacci hashing: 2^64 over the golden ratio spreads neighbours.
        hashes = numbers.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return (hashes >> np.uint64(64 - self._bits)).view(np.int64)
