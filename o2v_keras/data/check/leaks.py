"""Finds validation or test pairs in training data."""

from typing import TYPE_CHECKING

import numpy as np

from o2v_keras.data.check.report import Problem
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_hashes import pair_hashes
from o2v_keras.data.pair_table import PairTable

# TensorFlow takes seconds to start, and data of ids need no tokenizer.
if TYPE_CHECKING:
    from o2v_keras.text.pair_tokenizers import PairTokenizers


class LeakCheck:
    """Looks for the pairs of a held-out table in training data.

    Two pairs are the same if the ids of both sides are, whatever the labels.
    Pairs of texts with unknown words are skipped, because different texts may
    have the same ids. No other pair is missed. Pairs are compared by 64-bit
    hashes: comparing a million rows with a million finds a false one with a
    probability of 10^-7. Training data may be added in pieces, which are not
    kept.

    Args:
        held_out: `PairTable` with both sides.
        name: Name of the held-out data, such as `"test"`.
        tokenizers: `PairTokenizers` of the sides that hold texts. Defaults
            to `None`.

    Example:
    >>> test = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 0])
    >>> check = LeakCheck(test, "test")
    >>> check.add(PairTable.from_arrays([[2], [1]], [[4], [4]], [1, 1]))
    >>> check.rows
    array([1])
    """

    def __init__(
        self,
        held_out: PairTable,
        name: str,
        tokenizers: "PairTokenizers | None" = None,
    ):
        self._table = held_out
        self._unsure = np.zeros(len(held_out), bool)
        if tokenizers is not None:
            self._unsure = tokenizers.unknown_rows(held_out)
        self._name = name
        self._hashes, self._pairs = np.unique(
            pair_hashes(held_out), return_inverse=True
        )
        self._leaked = np.zeros(len(self._hashes), bool)

    def add(self, training: PairTable) -> None:
        """Checks training data, or a piece of them."""
        if not len(self._hashes):
            return
        # Sorted hashes are looked up in neighbouring memory.
        hashes = np.sort(pair_hashes(training))
        places = np.searchsorted(self._hashes, hashes)
        places = np.minimum(places, len(self._hashes) - 1)
        self._leaked[places[self._hashes[places] == hashes]] = True

    @property
    def rows(self) -> np.ndarray:
        """Rows of the held-out table found in training data, int64."""
        return np.flatnonzero(self._leaked[self._pairs] & ~self._unsure)

    def problem(self, severity: str) -> Problem | None:
        """Returns the number of leaked pairs and the first places.

        Args:
            severity: `"error"` or `"warning"`.

        Returns:
            `Problem`, or `None` if no pair was found.
        """
        rows = self.rows
        if not len(rows):
            return None
        allow = (
            "; `allow_leaks=True` (`--allow-leaks`) scores them all the same"
            if severity == "error"
            else ""
        )
        return Problem.of_rows(
            self._name,
            "the same pair is in the training data",
            severity,
            rows,
            self._table.locate,
            "A score on pairs that were trained on says nothing of new ones. "
            f"Take them out of one of the two{allow}.",
        )


def refuse_leaks(
    held_out: PairTable,
    training: PairTable,
    name: str,
    allow: bool,
    tokenizers: "PairTokenizers | None" = None,
) -> int:
    """Raises `DataError` if training data hold a held-out pair.

    Args:
        held_out: `PairTable` with both sides.
        training: `PairTable` with both sides.
        name: Name of the held-out data.
        allow: Whether to return the count instead of raising.
        tokenizers: `PairTokenizers` of the sides that hold texts. Defaults
            to `None`.

    Returns:
        The number of held-out rows whose pair is in the training data.

    Raises:
        DataError: With the count and the first cases, unless `allow`.
    """
    check = LeakCheck(held_out, name, tokenizers)
    check.add(training)
    problem = check.problem("error")
    if problem and not allow:
        raise DataError(str(problem))
    return problem.count if problem else 0
