"""Mean and deviation of rows that come a few at a time."""

import numpy as np


class Moments:
    """Mean and standard deviation of each column, without holding rows.

    Args:
        dim: Columns.

    Attributes:
        mean: float64 `(dim,)`.
        count: Rows seen.

    Example:
    >>> moments = Moments(1)
    >>> moments.add(np.array([[1.0], [3.0]]))
    >>> moments.add(np.array([[5.0]]))
    >>> moments.mean, moments.deviation.round(3)
    (array([3.]), array([1.633]))

    Reference:
    - Chan, Golub and LeVeque, 1983, "Algorithms for Computing the Sample
      Variance": sums of squares about the mean lose no digits.
    """

    def __init__(self, dim: int):
        self.mean = np.zeros(dim)
        self.count = 0
        self._squares = np.zeros(dim)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of the rows seen, float64 `(dim,)`."""
        return np.sqrt(self._squares / max(1, self.count))

    def add(self, rows: np.ndarray) -> None:
        """Counts rows `(any, dim)`."""
        if not len(rows):
            return
        mean = rows.mean(axis=0, dtype=np.float64)
        squares = np.square(rows - mean).sum(axis=0)
        count = self.count + len(rows)
        share = len(rows) / count
        step = mean - self.mean
        self._squares += squares + np.square(step) * self.count * share
        self.mean += step * share
        self.count = count
