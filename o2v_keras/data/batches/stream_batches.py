"""Padded batches of streamed pairs as a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.own_rows import own_rows
from o2v_keras.data.batches.padded_rows import gather_padded
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable


class StreamBatches:
    """Feeds a stream to `model.fit` as `PairBatches` feeds a table.

    Each block of the stream is planned (shuffled, bucketed, given negatives)
    as a table of its own, so negatives are drawn from the block and are
    known positives of no record in it. The next block is read and planned
    while one is played: memory holds two of them, and the pieces of the
    second while it is made.

    A block has as many batches as its pairs fill, `ceil(pairs / size)`,
    whatever buckets and negatives it meets: short batches of neighbouring
    buckets are joined. All epochs thus have as many batches.

    Args:
        stream: `PairStream`.
        config: `Object2VecConfig`.
        replicas: As in `PairBatches`. Defaults to 1.
        share: `(index, count)`: batches hold every `count`-th row (for `bpr`
            group) of the planned ones, from row `index` on. Defaults to
            `(0, 1)`: all.

    Attributes:
        epoch: int. The epoch that the next pass over `dataset()` plays.
        num_batches: int. Batches of an epoch.
        num_rows: int. Pairs of an epoch, negatives included, also those for
            which no partner will be found.
        failure: The `DataError` that ended a pass, or `None`.
        mined: `None`: a search for negatives needs the whole corpus.
    """

    mined = None

    def __init__(
        self,
        stream: PairStream,
        config: Object2VecConfig,
        replicas: int = 1,
        share: tuple[int, int] = (0, 1),
    ):
        self._stream = stream
        self._config = config
        self._replicas = replicas
        self._weighted = (
            replicas > 1
            or config.group_rows > 1
            or stream.weight_range is not None
        )
        self._share = share
        softmax = config.output_layer == "softmax"
        self._label_dtype = np.int64 if softmax else np.float32
        pairs_per_row = 1 + config.negative_sampling_rate
        groups_per_row = pairs_per_row // config.group_rows
        batch_groups = config.mini_batch_size // config.group_rows
        self._block_batches = [
            -(-rows * groups_per_row // batch_groups)
            for rows in stream.block_sizes
        ]
        self.num_batches = sum(self._block_batches)
        self.num_rows = stream.num_rows * pairs_per_row
        self.epoch = 0
        self.failure = None

    def left_out_negatives(self, epoch: int) -> int:
        """Number of negatives of an epoch for which no partner was found.

        Counted in the first block; the others are taken to be like it.
        """
        if not self._config.negative_sampling_rate:
            return 0
        table = next(self._stream.blocks(epoch))
        left_out = self._plan(table, epoch, 0).left_out
        return round(left_out * self._stream.num_rows / len(table))

    def dataset(self, advance: bool = False) -> tf.data.Dataset:
        """Returns the batches of `epoch` as it stands when a pass begins.

        Args:
            advance: Whether each pass moves `epoch` on by one. Defaults to
                `False`.

        Returns:
            A dataset as `PairBatches.dataset` returns it.
        """

        def blocks():
            epoch = self.epoch
            self.epoch += advance
            tables = self._stream.blocks(epoch)
            for number in range(len(self._block_batches)):
                try:
                    columns = self._columns(next(tables), epoch, number)
                except DataError as error:
                    # TensorFlow passes on no more than its text.
                    self.failure = error
                    raise
                yield columns
                del columns

        integers = tf.TensorSpec([None], tf.int64)
        signature = (
            *[integers] * 6,
            tf.TensorSpec([None], self._label_dtype),
            tf.TensorSpec([None], tf.float32),
            integers,
        )
        # As in `PairBatches`, gathering is mapped over all blocks' batches: a
        # map inside of `flat_map` would be compiled anew for every block.
        batches = (
            tf.data.Dataset.from_generator(blocks, output_signature=signature)
            .prefetch(1)
            .flat_map(_bounds_and_columns)
            .map(self._batch, num_parallel_calls=tf.data.AUTOTUNE)
        )
        batches = batches.apply(
            tf.data.experimental.assert_cardinality(self.num_batches)
        )
        return batches.prefetch(tf.data.AUTOTUNE)

    def _plan(self, table: PairTable, epoch, block):
        planner = EpochPlanner(
            table,
            self._config,
            True,
            self._replicas,
            self._block_batches[block],
            block,
        )
        return planner.plan(epoch)

    def _columns(self, table, epoch, block):
        plan = self._plan(table, epoch, block)
        return (
            table.in0.values,
            table.in0.offsets,
            table.in1.values,
            table.in1.offsets,
            plan.in0_rows,
            plan.in1_rows,
            plan.labels.astype(self._label_dtype),
            plan.weights,
            plan.batch_offsets,
        )

    def _batch(self, bounds, columns):
        *sides, in0_rows, in1_rows, labels, weights = columns
        config = self._config

        def own(column):
            rows = column[bounds[0] : bounds[1]]
            return own_rows(rows, self._share, config.group_rows)

        inputs = {
            "in0": gather_padded(
                *sides[:2], own(in0_rows), config.encoder0.max_seq_len
            ),
            "in1": gather_padded(
                *sides[2:], own(in1_rows), config.encoder1.max_seq_len
            ),
        }
        if self._weighted:
            return inputs, own(labels), own(weights)
        return inputs, own(labels)


def _bounds_and_columns(*columns):
    """Sets the bounds of each batch of a block beside the whole block."""
    *columns, offsets = columns
    bounds = tf.data.Dataset.from_tensor_slices((offsets[:-1], offsets[1:]))
    block = tf.data.Dataset.from_tensors(tuple(columns)).repeat()
    return tf.data.Dataset.zip(bounds, block)
