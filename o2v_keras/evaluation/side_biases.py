"""Ratings by how both sides differ from the mean."""

import numpy as np

from o2v_keras.data.pair_table import PairTable

_ROUNDS = 10
# How many rows of the overall mean each token is believed to have besides.
_PRIOR_ROWS = {"in0": 15, "in1": 10}


class SideBiases:
    """Answers the mean plus what is known of both sides' tokens.

    The biases `b0`, `b1` of the answer `mean + b0[in0] + b1[in1]` minimize
    the squared error plus 15 times the squares of `b0` and 10 times those of
    `b1`, found in 10 rounds, each side in turn. A row counts as often as its
    weight says. A token without training rows has bias 0.

    Args:
        training: `PairTable` with labels whose sides are single tokens.

    Example:
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [2.0, 4.0])
    >>> SideBiases(table).predict(table).round(2)
    array([2.86, 3.14])

    Reference:
    - Koren 2010, "Factor in the Neighbors", with the constants of Surprise's
      `BaselineOnly`.
    """

    def __init__(self, training: PairTable):
        tokens = {name: _tokens(training, name) for name in _PRIOR_ROWS}
        weights = training.weights
        rows = {n: np.bincount(ids, weights) for n, ids in tokens.items()}
        self._mean = np.average(training.labels, weights=weights)
        self._biases = {name: np.zeros(len(n)) for name, n in rows.items()}
        for _ in range(_ROUNDS):
            for name, other in (("in1", "in0"), ("in0", "in1")):
                known = self._mean + self._biases[other][tokens[other]]
                errors = training.labels - known
                if weights is not None:
                    errors *= weights
                sums = np.bincount(tokens[name], errors)
                self._biases[name] = sums / (_PRIOR_ROWS[name] + rows[name])

    def predict(self, table: PairTable) -> np.ndarray:
        """Returns the answers to a table's pairs, float64 `(rows,)`."""
        answers = np.full(len(table), self._mean)
        for name, biases in self._biases.items():
            tokens = _tokens(table, name)
            known = tokens < len(biases)
            answers[known] += biases[tokens[known]]
        return answers


def _tokens(table, name):
    """The first id of each row; the only one on a side of single tokens."""
    sequences = table.sides[name]
    return sequences.values[sequences.offsets[:-1]]
