"""Negatives that a search has found for each positive."""

import numpy as np

from o2v_keras.data.pair_table import PairTable


class MinedRows:
    """Puts mined negatives into an epoch, each beside its record.

    Every positive has as many in every epoch. Until a search has found any,
    they are drawn from the records.

    Args:
        table: `PairTable` with labels.
        per_record: Negatives of each positive.
        side: As `negative_sampling_side`; of `"both"` the larger half
            exchange `in1`.

    Attributes:
        found: int64 `(positives, per_record)`, or `None`. The row whose side
            each negative of each positive takes in place of its own.
        records: int64 `(positives,)`. The table's positives.
        exchanges_in1: int. How many of a record's negatives, the first ones,
            exchange `in1`; the others exchange `in0`.

    Example:
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    >>> mined = MinedRows(table, per_record=1, side="in1")
    >>> mined.found = np.array([[1], [0]])
    >>> mined.pairs(np.random.default_rng(0))
    (array([0, 1]), array([1, 0]), array([0, 1]))
    >>> mined.after_records(np.array([1, 0]), first=2)
    array([1, 3, 0, 2])
    """

    def __init__(self, table: PairTable, per_record: int, side: str):
        self.found = None
        self.records = np.flatnonzero(table.labels == 1)
        self._rows = len(table)
        self._per_record = per_record
        shares = {"in1": per_record, "in0": 0, "both": (per_record + 1) // 2}
        self.exchanges_in1 = shares[side]

    def pairs(
        self, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the rows whose `in0` and whose `in1` the negatives take.

        Last come the positives that they belong to.

        Args:
            generator: Draws from the records until there is something found.
        """
        shape = len(self.records), self._per_record
        partners = self.found
        if partners is None:
            partners = generator.integers(self._rows, size=shape)
        own = np.broadcast_to(self.records[:, None], shape)
        in1 = np.arange(self._per_record) < self.exchanges_in1
        in0_rows = np.where(in1, own, partners)
        in1_rows = np.where(in1, partners, own)
        return in0_rows.ravel(), in1_rows.ravel(), own.ravel()

    def after_records(self, order: np.ndarray, first: int) -> np.ndarray:
        """Puts negatives after their records.

        Args:
            order: int64. Numbers of pairs, the table's rows among them.
            first: Number of the first pair that `pairs` returns.
        """
        starts = np.full(max(first, self._rows), -1)
        starts[self.records] = first + self._per_record * np.arange(
            len(self.records)
        )
        own = starts[order]
        extra = own[:, None] + np.arange(self._per_record)
        extra[own < 0] = -1
        whole = np.concatenate([order[:, None], extra], axis=1).ravel()
        return whole[whole >= 0]
