"""Whether any of the data count."""

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable


class WeightCheck:
    """Sees all rows, in one table or in pieces.

    Attributes:
        weighted: bool. Whether a row had a weight.

    Example:
    >>> check = WeightCheck()
    >>> check.add(PairTable.from_arrays([[1]], [[2]], [1], weights=[0.5]))
    >>> check.finish()
    >>> check.weighted
    True
    """

    def __init__(self):
        self.weighted = False
        self._counts = False
        self._first = None

    def add(self, table: PairTable) -> None:
        """Looks at rows that have passed the check of values."""
        if table.weights is not None:
            self.weighted = True
        if not len(table) or self._counts:
            return
        self._first = self._first or table.locate(0)
        self._counts = table.weights is None or bool(table.weights.any())

    def finish(self) -> None:
        """Stops where nothing counts.

        Raises:
            DataError: If there were rows, and each has a weight of 0.
        """
        if self._first and not self._counts:
            raise DataError(
                f"{self._first}: this record and all others have a weight of "
                "0: there is nothing to learn or to score. Give at least one "
                "a weight above 0, or leave all weights out."
            )
