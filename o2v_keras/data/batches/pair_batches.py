"""Padded batches of pairs as a `tf.data.Dataset`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.validation import UNKNOWN_WORD
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.epoch_plan import PlanPrefetch
from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.target_vectors import target_vectors

# TensorFlow takes seconds to start, and only a dataset needs it.
if TYPE_CHECKING:
    import tensorflow as tf


class PairBatches:
    """Makes datasets of padded batches for `model.fit`, an epoch per pass.

    The rows of an epoch come in blocks. Each block has an `EpochPlan`: the
    order of its rows, its negatives and the bounds of its batches.
    TensorFlow's threads gather the batches and pad each to its longest row.

    A table is one block. In training, the plan of the next epoch is
    prefetched.

    Each block of a stream is planned like a table, so its negatives are drawn
    from the block and are known positives of no record in it. The next block
    is read and planned while one is trained on: memory holds two blocks, and
    the pieces of the second while it is made. A block has `ceil(pairs / size)`
    batches for all buckets and negatives, because short batches of
    neighbouring buckets are joined. So all epochs have equally many batches.

    Args:
        source: `PairTable` with labels, or `PairStream`.
        config: `Object2VecConfig`.
        training: Whether to shuffle, bucket and draw negatives. A stream is
            for training only.
        replicas: Replicas that share a batch. With more than one, with
            weighted data and for `bpr`, elements have a sample weight, 0 for
            fill rows. Defaults to 1.
        share: `(index, count)`: batches hold every `count`-th planned row
            (for `bpr` group), from row `index` on; `replicas` must be a
            multiple of `count`. So several workers share one plan, and each
            gathers only its own rows. Defaults to `(0, 1)`: all rows.
        known: `PairTable` of the training data of validation or test data,
            for `bpr` and `in_batch_softmax`: its pairs are no negatives.
            Defaults to `None`.

    Attributes:
        source: The `PairTable` or `PairStream`.
        epoch: int. The epoch of the next pass over `dataset()`.
        num_batches: int. Batches of an epoch.
        num_rows: int. Pairs of an epoch, negatives included; for a stream
            also the negatives that will be left out.
        failure: The `DataError` that ended a pass, or `None`.

    Example:
    >>> from o2v_keras.data.pair_table import PairTable
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> table = PairTable.from_arrays([[1], [2, 3, 4]], [[5], [6]], [0, 1])
    >>> batches = PairBatches(table, config, training=False)
    >>> inputs, labels = next(iter(batches.dataset()))
    >>> inputs["in0"].numpy()
    array([[1, 0],
           [2, 3]])
    """

    def __init__(
        self,
        source: PairTable | PairStream,
        config: Object2VecConfig,
        training: bool,
        replicas: int = 1,
        share: tuple[int, int] = (0, 1),
        known: PairTable | None = None,
    ):
        self.source = source
        self._share = share
        self._group_rows = config.group_rows
        self._blocks: Any
        if isinstance(source, PairStream):
            self._blocks = _StreamBlocks(source, config, replicas)
        else:
            self._blocks = _TableBlock(
                source, config, training, replicas, known
            )
        self._weighted = (
            replicas > 1
            or self._group_rows > 1
            or source.weight_range is not None
        )
        self._side_names = config.sides
        self._targets = _targets(source, config, known)
        self.num_rows = self._blocks.num_rows
        self.epoch = 0
        self.failure = None

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return self._blocks.num_batches

    def left_out_negatives(self, epoch: int) -> int:
        """Number of negatives of an epoch for which no partner was found.

        For a stream this is an estimate from its first block.
        """
        return self._blocks.left_out(epoch)

    @property
    def mined(self) -> MinedRows | None:
        """`MinedRows` of a table, or `None` without mined negatives."""
        return self._blocks.mined

    def set_mined(self, found: np.ndarray):
        """Sets the mined negatives of all later epochs.

        Args:
            found: int64 `(positives, per_record)`; see `MinedRows.found`.
        """
        self._blocks.set_mined(found)

    def fill_up(self, num_batches: int):
        """Adds batches of fill rows, of weight 0, to those of a table.

        All elements then have weights.

        Args:
            num_batches: New number of batches of an epoch, not less than now.
        """
        self._blocks.num_batches = num_batches
        self._weighted = True

    def dataset(self, advance: bool = False) -> "tf.data.Dataset":
        """Returns a dataset of batches; a pass reads `epoch` when it begins.

        Args:
            advance: Whether each pass increments `epoch`. Defaults to
                `False`: the caller sets it.

        Returns:
            A dataset of known cardinality with elements
            `({"in0", "in1"}, label)`, or `(..., label, sample_weight)` for
            several replicas, weighted data or `bpr`: ids int64
            `(batch, length)`, labels int64 (classes) or float32 (scores)
            `(batch,)`. For `in_batch_softmax` the labels are the targets of
            `InBatchTargets`. For `embedding` there is one side, and the
            labels are the vectors that they name, float32 `(batch, width)`.
        """
        import tensorflow as tf

        def blocks():
            epoch = self.epoch
            self.epoch += advance
            try:
                for ids, plan in self._blocks.plans(epoch):
                    yield (
                        *ids,
                        plan.in0_rows,
                        plan.in1_rows,
                        self._targets.of_plan(plan),
                        plan.weights,
                        plan.batch_offsets,
                    )
                    # Otherwise memory would hold a third block.
                    del ids, plan
            except DataError as error:
                # TensorFlow keeps only the text of an exception.
                self.failure = error
                raise

        integers = tf.TensorSpec([None], tf.int64)
        targets = [None] * self._targets.rank, self._targets.dtype
        signature = (
            *[integers] * self._blocks.id_columns,
            integers,
            integers,
            tf.TensorSpec(*targets),
            tf.TensorSpec([None], tf.float32),
            integers,
        )
        # A map inside of `flat_map` would be compiled for every block.
        batches = self._blocks.bounds_and_columns(blocks, signature)
        batches = batches.map(
            self._batch, num_parallel_calls=tf.data.AUTOTUNE
        ).apply(tf.data.experimental.assert_cardinality(self.num_batches))
        return batches.prefetch(tf.data.AUTOTUNE)

    def _batch(self, bounds, columns):
        *ids, in0_rows, in1_rows, targets, weights = columns

        def rows(column):
            return column[bounds[0] : bounds[1]]

        def own(column):
            return _own_rows(rows(column), self._share, self._group_rows)

        side_rows = {"in0": in0_rows, "in1": in1_rows}
        inputs = {
            name: self._blocks.gather(ids, name, own(side_rows[name]))
            for name in self._side_names
        }
        targets = self._targets.of_batch(rows(targets), *self._share)
        if self._weighted:
            return inputs, targets, own(weights)
        return inputs, targets


class _TableBlock:
    """A table as one block; TensorFlow holds its ids."""

    id_columns = 0

    def __init__(self, table, config, training, replicas, known):
        from o2v_keras.data.batches.padded_rows import PaddedRows

        self._planner = EpochPlanner(
            table, config, training, replicas, known=known
        )
        self._plans = PlanPrefetch(self._planner)
        # Only shuffling and drawing take time worth a thread.
        self._plan_of = self._plans.take if training else self._planner.plan
        self._sides = {
            name: PaddedRows(table.sides[name], config.side(name).max_seq_len)
            for name in config.sides
        }
        self._fill_rows = replicas * config.group_rows
        self.num_batches = self._planner.num_batches
        self.num_rows = self._planner.num_rows

    def left_out(self, epoch):
        return self._plans.peek(epoch).left_out

    @property
    def mined(self):
        return self._planner.mined

    def set_mined(self, found):
        self.mined.found = found
        self._plans.forget()

    def plans(self, epoch) -> Iterator[tuple[Any, ...]]:
        plan = self._plan_of(epoch)
        yield (), plan.filled_up(self.num_batches, self._fill_rows)

    def bounds_and_columns(self, blocks, signature):
        import tensorflow as tf

        def only_block(_):
            dtypes = [spec.dtype for spec in signature]
            columns = tf.numpy_function(lambda: next(blocks()), [], dtypes)
            for column, spec in zip(columns, signature, strict=True):
                column.set_shape(spec.shape)
            return _bounds_and_columns(*columns)

        # A dataset from a generator doubles the time to begin a pass.
        return tf.data.Dataset.range(1).flat_map(only_block)

    def gather(self, ids, name, rows):
        return self._sides[name].gather(rows)


class _StreamBlocks:
    """The blocks of a stream; the ids come with the plans."""

    mined = None  # A search for negatives needs the whole corpus.

    def __init__(self, stream, config, replicas):
        self._stream = stream
        self._config = config
        self.id_columns = 2 * len(config.sides)
        self._replicas = replicas
        pairs_per_row = 1 + config.negative_sampling_rate
        groups_per_row = pairs_per_row // config.group_rows
        batch_groups = config.mini_batch_size // config.group_rows
        self._block_batches = [
            -(-rows * groups_per_row // batch_groups)
            for rows in stream.block_sizes
        ]
        self.num_batches = sum(self._block_batches)
        self.num_rows = stream.num_rows * pairs_per_row

    def left_out(self, epoch):
        if not self._config.negative_sampling_rate:
            return 0
        table = next(self._stream.blocks(epoch))
        left_out = self._plan(table, epoch, 0).left_out
        return round(left_out * self._stream.num_rows / len(table))

    def plans(self, epoch) -> Iterator[tuple[Any, ...]]:
        tables = self._stream.blocks(epoch)
        for block in range(len(self._block_batches)):
            # A name here would keep a block while the next one is made.
            yield self._planned(next(tables), epoch, block)

    def bounds_and_columns(self, blocks, signature):
        import tensorflow as tf

        dataset = tf.data.Dataset.from_generator(
            blocks, output_signature=signature
        )
        return dataset.prefetch(1).flat_map(_bounds_and_columns)

    def gather(self, ids, name, rows):
        from o2v_keras.data.batches.padded_rows import gather_padded

        first = 2 * self._config.sides.index(name)
        values, offsets = ids[first : first + 2]
        longest = self._config.side(name).max_seq_len
        return gather_padded(values, offsets, rows, longest)

    def _planned(self, table, epoch, block):
        sides = [table.sides[name] for name in self._config.sides]
        ids = [ids for side in sides for ids in (side.values, side.offsets)]
        return ids, self._plan(table, epoch, block)

    def _plan(self, table, epoch, block):
        planner = EpochPlanner(
            table,
            self._config,
            True,
            self._replicas,
            self._block_batches[block],
            block,
        )
        return planner.plan(epoch)


class _Labels:
    """The targets of most losses: the labels."""

    rank = 1

    def __init__(self, dtype, group_rows):
        self.dtype = dtype
        self._group_rows = group_rows

    def of_plan(self, plan):
        return plan.labels.astype(self.dtype)

    def of_batch(self, labels, index, count):
        return _own_rows(labels, (index, count), self._group_rows)


class _Vectors:
    """The targets of `embedding`: the vectors that labels name."""

    rank = 1
    dtype = np.int64

    def __init__(self, vectors):
        self._vectors = vectors

    def of_plan(self, plan):
        return plan.labels.astype(self.dtype)

    def of_batch(self, labels, index, count):
        import tensorflow as tf

        labels = _own_rows(labels, (index, count), 1)
        vectors = tf.numpy_function(self._vectors.take, [labels], tf.float32)
        vectors.set_shape([None, self._vectors.dim])
        return vectors


def _targets(source, config, known):
    if config.output_layer == "in_batch_softmax":
        from o2v_keras.data.batches.in_batch_targets import InBatchTargets

        return InBatchTargets(
            source,
            config.negative_sampling_side,
            known,
            config.same_side_negatives,
            config.shares_tokenizer or config.tied_token_embedding_weight,
            config.exclude_query_tokens,
            UNKNOWN_WORD
            if config.enc0_tokenizer
            else config.encoder0.unknown_id,
        )
    vectors = target_vectors(config)
    if vectors is not None:
        return _Vectors(vectors)
    softmax = config.output_layer == "softmax"
    return _Labels(np.int64 if softmax else np.float32, config.group_rows)


def _own_rows(column, share, group_rows):
    """Takes every `count`-th group of rows, from group `index` on.

    Args:
        column: `(rows,)`, a multiple of `count * group_rows`.
        share: `(index, count)`.
        group_rows: Consecutive rows that stay together.
    """
    import tensorflow as tf

    index, count = share
    if count == 1:
        return column
    if group_rows == 1:
        return column[index::count]
    groups = tf.reshape(column, [-1, group_rows])
    return tf.reshape(groups[index::count], [-1])


def _bounds_and_columns(*columns):
    """Pairs the bounds of each batch with the whole block."""
    import tensorflow as tf

    *columns, offsets = columns
    bounds = tf.data.Dataset.from_tensor_slices((offsets[:-1], offsets[1:]))
    block = tf.data.Dataset.from_tensors(tuple(columns)).repeat()
    return tf.data.Dataset.zip(bounds, block)
