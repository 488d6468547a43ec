"""Places mined negatives in an epoch."""

import numpy as np

from o2v_keras.data.pair_table import PairTable


class MinedRows:
    """Places mined negatives after their positives.

    Every positive has the same number of negatives in every epoch. Before the
    first search they are drawn from the records.

    Args:
        table: `PairTable` with labels.
        per_record: Negatives of each positive.
        side: The exchanged side: `"in1"`, `"in0"` or `"both"`, which
            exchanges `in1` in the larger half.

    Attributes:
        found: int64 `(positives, per_record)`, or `None`. The row whose side
            replaces the positive's own in each negative.
        records: int64 `(positives,)`. Rows of the table's positives.
        exchanges_in1: int. The first negatives of a record, this many,
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
        """Returns the rows of the negatives' `in0`, `in1` and positives.

        Args:
            generator: Draws from the records before the first search.

        Returns:
            Three int64 arrays `(positives * per_record,)`.
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
            order: int64 `(pairs,)`. Numbers of pairs, the table's rows
                among them.
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
