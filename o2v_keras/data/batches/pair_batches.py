"""Padded batches of a table as a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.in_batch_targets import InBatchTargets
from o2v_keras.data.batches.label_targets import LabelTargets
from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.batches.own_rows import own_rows
from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.batches.plans_ahead import PlansAhead
from o2v_keras.data.pair_table import PairTable


class PairBatches:
    """Feeds a table to `model.fit`, an epoch at a pass.

    A pass takes the epoch's rows from the planner, which goes on with the
    next epoch's in the background when training; from there on batches are
    gathered and padded by TensorFlow's own threads, whole batches at a time,
    each padded to its longest row.

    Args:
        table: `PairTable` with labels.
        config: `Object2VecConfig`.
        training: Whether to shuffle, bucket and draw negatives.
        replicas: Replicas that share a batch. With more than one, elements
            carry a sample weight, 0 for rows that only fill a batch up; so
            they do where the table has weights, and for `bpr`. Defaults to 1.
        share: `(index, count)`: batches hold every `count`-th row (for `bpr`
            group) of the planned ones, from row `index` on; `replicas` must
            be a multiple of `count`. Several workers thus play one plan
            together, and each gathers its own rows only. Defaults to
            `(0, 1)`: all rows.
        known: The training data, where `table` is to be scored by `bpr` or
            `in_batch_softmax`: a negative is none of their pairs. Defaults
            to `None`.

    Attributes:
        table: As given.
        epoch: int. The epoch that the next pass over `dataset()` plays.
        num_batches: int. Batches of an epoch.
        num_rows: int. Pairs of an epoch, negatives included.

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
        table: PairTable,
        config: Object2VecConfig,
        training: bool,
        replicas: int = 1,
        share: tuple[int, int] = (0, 1),
        known: PairTable | None = None,
    ):
        self.table = table
        self._share = share
        self._planner = EpochPlanner(
            table, config, training, replicas, known=known
        )
        self._replicas = replicas
        self._group_rows = config.group_rows
        self._plans = PlansAhead(self._planner)
        # Only shuffling and drawing take time worth a thread.
        self._plan_of = self._plans.take if training else self._planner.plan
        self._weighted = (
            replicas > 1 or self._group_rows > 1 or table.weights is not None
        )
        self._targets = _targets(table, config, known)
        self._in0 = PaddedRows(table.in0, config.encoder0.max_seq_len)
        self._in1 = PaddedRows(table.in1, config.encoder1.max_seq_len)
        self.num_batches = self._planner.num_batches
        self.num_rows = self._planner.num_rows
        self.epoch = 0

    def left_out_negatives(self, epoch: int) -> int:
        """Number of negatives of an epoch for which no partner was found."""
        return self._plans.peek(epoch).left_out

    @property
    def mined(self) -> MinedRows | None:
        """Where mined negatives go, if there are to be any."""
        return self._planner.mined

    def set_mined(self, found: np.ndarray):
        """Replaces the mined negatives of the epochs that begin from now on.

        Args:
            found: As `MinedRows.found`.
        """
        self.mined.found = found
        self._plans.forget()

    def fill_up(self, num_batches: int):
        """Adds batches of rows of weight 0; elements carry weights from now on.

        Args:
            num_batches: How many batches an epoch is to have, at least as
                many as it has.
        """
        self.num_batches = num_batches
        self._weighted = True

    def dataset(self, advance: bool = False) -> tf.data.Dataset:
        """Returns the batches of `epoch` as it stands when a pass begins.

        Args:
            advance: Whether each pass moves `epoch` on by one. Defaults to
                `False`: whoever trains sets it.

        Returns:
            A dataset of known cardinality with elements
            `({"in0", "in1"}, label)`, or `(..., label, sample_weight)` for
            several replicas, weighted data or `bpr`: ids int64
            `(batch, length)`, labels int64 (classes) or float32 (scores)
            `(batch,)`. For `in_batch_softmax`, what `InBatchTargets` says
            comes in place of labels.
        """

        def plan():
            plan = self._plan_of(self.epoch)
            rows = self._replicas * self._group_rows
            plan = plan.filled_up(self.num_batches, rows)
            self.epoch += advance
            return (
                plan.in0_rows,
                plan.in1_rows,
                self._targets.of_plan(plan),
                plan.weights,
                plan.batch_offsets,
            )

        dtypes = (
            tf.int64,
            tf.int64,
            tf.as_dtype(self._targets.dtype),
            tf.float32,
            tf.int64,
        )

        ranks = (1, 1, self._targets.rank, 1, 1)

        def one_epoch(_):
            columns = tf.numpy_function(plan, [], dtypes)
            for column, rank in zip(columns, ranks, strict=True):
                column.set_shape([None] * rank)
            *columns, offsets = columns
            bounds = (offsets[:-1], offsets[1:])
            return tf.data.Dataset.zip(
                tf.data.Dataset.from_tensor_slices(bounds),
                tf.data.Dataset.from_tensors(tuple(columns)).repeat(),
            )

        # Gathering is mapped over all passes' batches: a map inside of
        # `flat_map` would be compiled anew in every pass.
        batches = tf.data.Dataset.range(1).flat_map(one_epoch)
        batches = batches.map(
            lambda bounds, columns: self._batch(
                *(column[bounds[0] : bounds[1]] for column in columns)
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        batches = batches.apply(
            tf.data.experimental.assert_cardinality(self.num_batches)
        )
        return batches.prefetch(tf.data.AUTOTUNE)

    def _batch(self, in0_rows, in1_rows, targets, weights):
        def own(rows):
            return own_rows(rows, self._share, self._group_rows)

        inputs = {
            "in0": self._in0.gather(own(in0_rows)),
            "in1": self._in1.gather(own(in1_rows)),
        }
        targets = self._targets.of_batch(targets, *self._share)
        if self._weighted:
            return inputs, targets, own(weights)
        return inputs, targets


def _targets(table, config, known):
    if config.output_layer == "in_batch_softmax":
        return InBatchTargets(table, config.negative_sampling_side, known)
    softmax = config.output_layer == "softmax"
    dtype = np.int64 if softmax else np.float32
    return LabelTargets(dtype, config.group_rows)
