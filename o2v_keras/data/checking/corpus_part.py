"""What a check finds in a part of a corpus."""

import dataclasses

from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.pair_table import PairTable


@dataclasses.dataclass(frozen=True, eq=False)
class CorpusPart:
    """Counts over all rows of a part, and the few rows that tell the rest.

    Args:
        rows: int. Number of rows.
        unusable_rows: int. Number of rows with an error.
        counts: dict. Field and kind of trouble -> number of rows.
        witnesses: `PairTable` of the rows that a check of the part names or
            takes a size from, in order.
        rejected: `RejectedRows` that it names, in order.
    """

    rows: int
    unusable_rows: int
    counts: dict[tuple[str, str], int]
    witnesses: PairTable
    rejected: RejectedRows
