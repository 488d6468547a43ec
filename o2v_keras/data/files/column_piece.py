"""Some rows of the columns of a file."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from o2v_keras.data.checking.rejected_rows import RejectedRow

ARROW_TYPES = {
    "ids": pa.list_(pa.int64()),
    "id or ids": pa.list_(pa.int64()),
    "text": pa.string(),
    "number": pa.float64(),
}


@dataclasses.dataclass(frozen=True, eq=False)
class ColumnPiece:
    """Rows of columns, null where a record has no value.

    Args:
        table: `pa.Table` of the rows whose structure is sound: strings, lists
            of int64 or float64.
        numbers: int64 array of shape `(rows,)`. Line or row in the file.
        record: Callable that gives the text of a row of `table`.
        rejected: The other records.
    """

    table: pa.Table
    numbers: np.ndarray
    record: Callable[[int], str]
    rejected: tuple[RejectedRow, ...]
