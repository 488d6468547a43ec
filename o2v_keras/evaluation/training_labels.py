"""Tallies of the training labels, for baselines and the first bias."""

from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.token_weighting import TokenCounts
from o2v_keras.models.trained_ids import TrainedIds


class TrainingLabels:
    """Tallies labels, in total and by token for sides of single tokens.

    A tally of classes is the number of each class, a tally of values their
    number and sum; a row of weight 2 counts twice. Tables can be added one by
    one: how the data are divided affects only the rounding of sums.

    Args:
        config: The configuration; its head says whether labels are classes
            or values. If negatives are drawn, there are no tallies by token:
            the data lack the negatives' labels.

    Attributes:
        totals: float64 `(classes,)` or `(2,)`. The tally of all rows.
        sides: Name of each side of single tokens -> float64 tallies
            `(tokens, classes)` or `(tokens, 2)`; `tokens` exceeds the largest
            token.
        range: The least and the largest label of rows of positive weight.
        ids: `TrainedIds` of the rows.
        tokens: `TokenCounts` of the rows; `None` unless the configuration
            needs their counts.
        constant: Names of the sides on which all rows are equal.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> labels = TrainingLabels(config)
    >>> labels.add(PairTable.from_arrays([[1], [2]], [[3], [4, 5]], [0, 1]))
    >>> labels.totals, list(labels.sides)
    (array([1., 1.]), ['in0'])
    """

    def __init__(self, config: Object2VecConfig):
        self._softmax = config.output_layer == "softmax"
        self._width = config.num_classes if self._softmax else 2
        self.totals = np.zeros(self._width)
        # Row numbers of vectors have no mean.
        has_tallies = len(config.sides) == 2
        has_tallies &= not config.negative_sampling_rate
        names = config.sides if has_tallies else ()
        self.sides = {name: np.zeros((0, self._width)) for name in names}
        self.range = (np.inf, -np.inf)
        self.ids = TrainedIds(config)
        self.tokens = None
        if config.token_weighting == "sif" or config.token_embedding_kl:
            self.tokens = TokenCounts(config)
        self.constant = {*config.sides}
        self._first = None

    def mean_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns labels and weights of a few rows with the same mean label.

        All classes with their numbers of rows, or the mean of the values.
        """
        if self._softmax:
            return np.arange(self._width), self.totals
        rows, total = self.totals
        return np.array([total / rows]), np.ones(1)

    def add(self, table: PairTable) -> None:
        """Adds checked rows with labels."""
        self.ids.add(table)
        if self.tokens is not None:
            self.tokens.add(table)
        self._compare(table)
        labels: Any = table.labels
        weights, counted = table.weights, labels
        if weights is not None:
            counted = counted[weights > 0]
            weights = weights.astype(np.float64)
        self.range = (
            counted.min(initial=self.range[0]),
            counted.max(initial=self.range[1]),
        )
        times = 1 if weights is None else weights
        if self._softmax:
            classes = labels.astype(np.int64)
            self.totals += np.bincount(classes, weights, minlength=self._width)
        elif weights is None:
            self.totals += len(table), labels.sum()
        else:
            self.totals += weights.sum(), weights @ labels
        for name in list(self.sides):
            sequences = table.sides[name]
            if (sequences.lengths == 1).all():
                tallies = self._grown(name, sequences.values)
                if self._softmax:
                    np.add.at(tallies, (sequences.values, classes), times)
                else:
                    values = times * labels
                    np.add.at(tallies[:, 0], sequences.values, times)
                    np.add.at(tallies[:, 1], sequences.values, values)
            else:
                del self.sides[name]

    def _compare(self, table):
        """Keeps the sides whose rows all equal the first one."""
        if not len(table):
            return
        if self._first is None:
            self._first = {name: s[0] for name, s in table.sides.items()}
        for name in sorted(self.constant):
            first, side = self._first[name], table.sides[name]
            if (side.lengths != len(first)).any() or (
                side.values.reshape(len(side), -1) != first
            ).any():
                self.constant.remove(name)

    def _grown(self, name, tokens):
        tallies = self.sides[name]
        missing = tokens.max(initial=-1) + 1 - len(tallies)
        if missing > 0:
            # Doubling bounds the total cost of copies.
            more = np.zeros((max(missing, len(tallies)), self._width))
            self.sides[name] = tallies = np.concatenate([tallies, more])
        return tallies
