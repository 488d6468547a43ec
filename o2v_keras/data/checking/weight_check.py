"""Whether any of the data count."""

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable


class WeightCheck:
    """Sees all rows, in one table or in pieces.

    Attributes:
        range: Least and greatest weight of a row, 1 where a row has none;
            `None` where no row had one.

    Example:
    >>> check = WeightCheck()
    >>> check.add(PairTable.from_arrays([[1]], [[2]], [1], weights=[0.5]))
    >>> check.finish()
    >>> check.range
    (0.5, 0.5)
    """

    def __init__(self):
        self.range = None
        self._unweighted = False
        self._first = None

    def add(self, table: PairTable) -> None:
        """Looks at rows that have passed the check of values."""
        if not len(table):
            return
        self._first = self._first or table.locate(0)
        self._unweighted |= table.weights is None
        ends = [*(self.range or ()), *(table.weight_range or ())]
        self.range = (min(ends), max(ends)) if ends else None

    def finish(self) -> None:
        """Stops where nothing counts.

        Raises:
            DataError: If there were rows, and each has a weight of 0.
        """
        if self._unweighted and self.range:
            self.range = min(1.0, self.range[0]), max(1.0, self.range[1])
        if self.range and not any(self.range):
            raise DataError(
                f"{self._first}: this record and all others have a weight of "
                "0: there is nothing to learn or to score. Give at least one "
                "a weight above 0, or leave all weights out."
            )


def weight_notice(
    ends: tuple[float, float] | None, columns: PairColumns
) -> str:
    """Says that a column that nobody named is taken for weights.

    Args:
        ends: Least and greatest weight, or `None`.
        columns: Of the data.

    Example:
    >>> print(weight_notice((0.5, 350_000.0), PairColumns()))
    The column "weight" holds sample weights, from 0.5 to 350,000: a row ...
    """
    if not ends or ends == (1, 1) or not columns.weight_is_optional:
        return ""
    low, high = (f"{end:,.7g}" for end in ends)
    return (
        f'The column "weight" holds sample weights, from {low} to {high}: a '
        "row counts as often as its weight says. If it is something else, "
        'leave it alone by `--weight-column ""`.'
    )
