"""Epoch plans, made while the epoch before is played."""

import concurrent.futures
import threading

from o2v_keras.data.batches.epoch_plan import EpochPlan
from o2v_keras.data.batches.epoch_plan import EpochPlanner


class PlansAhead:
    """Gives plans of a planner; the next one is made in the background.

    A plan is a function of the epoch alone, so which ones were made ahead
    changes nothing but the time it takes. One plan at most is kept.

    Args:
        planner: `EpochPlanner`.

    Example:
    >>> from o2v_keras.config import Object2VecConfig
    >>> from o2v_keras.data.pair_table import PairTable
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [0, 1])
    >>> plans = PlansAhead(EpochPlanner(table, config, training=True))
    >>> plans.take(0).batch_offsets
    array([0, 2])
    """

    def __init__(self, planner: EpochPlanner):
        self._planner = planner
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "plans_ahead")
        self._lock = threading.Lock()
        self._epoch = None
        self._plan = None

    def peek(self, epoch: int) -> EpochPlan:
        """Returns the plan of an epoch and keeps it."""
        return self._begun(epoch).result()

    def take(self, epoch: int) -> EpochPlan:
        """Returns the plan of an epoch and begins the one after it."""
        plan = self.peek(epoch)
        self._begun(epoch + 1)
        return plan

    def forget(self):
        """Drops what was planned, for a planner that plans otherwise now."""
        with self._lock:
            self._epoch = self._plan = None

    def _begun(self, epoch):
        with self._lock:  # several iterators may ask at once
            if epoch != self._epoch:
                self._plan = self._pool.submit(self._planner.plan, epoch)
                self._epoch = epoch
            return self._plan
