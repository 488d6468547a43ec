"""What most losses must know of a batch: its labels."""

import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.epoch_plan import EpochPlan
from o2v_keras.data.batches.own_rows import own_rows


class LabelTargets:
    """Gives labels as they are.

    Args:
        dtype: NumPy type of the labels: int64 for classes, float32 for
            values.
        group_rows: Consecutive rows that one worker plays. Defaults to 1.

    Attributes:
        dtype: As given.
        rank: Dimensions of what `of_plan` returns.
    """

    rank = 1

    def __init__(self, dtype: type, group_rows: int = 1):
        self.dtype = dtype
        self._group_rows = group_rows

    def of_plan(self, plan: EpochPlan) -> np.ndarray:
        """Returns an epoch's labels, `(rows,)`."""
        return plan.labels.astype(self.dtype)

    def of_batch(self, rows: tf.Tensor, index: int, count: int) -> tf.Tensor:
        """Returns the labels of a worker's rows, as `own_rows`."""
        return own_rows(rows, (index, count), self._group_rows)
