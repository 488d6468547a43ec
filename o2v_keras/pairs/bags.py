"""Bags: some other members of an object's list, for each row."""

import numpy as np


class Lists:
    """Lists of numbers, one for each owner.

    Args:
        owners: int64 `(entries,)`. Number of the list that an entry is in.
        members: int `(entries,)`. The entries.
        count: Number of lists.
        *keys: What the entries of a list are sorted by, the least of the
            keys first, as for `np.lexsort`.

    Attributes:
        places: int64 `(entries,)`. Place of each given entry in its list.

    Example:
    >>> lists = Lists(np.array([0, 1, 0]), np.array([5, 6, 7]), 2)
    >>> flat, lengths = lists.others(np.array([0, 0]), np.array([0, 1]), 9)
    >>> flat, lengths
    (array([7, 5]), array([1, 1]))
    """

    def __init__(
        self,
        owners: np.ndarray,
        members: np.ndarray,
        count: int,
        *keys: np.ndarray,
    ):
        order = np.lexsort((*keys, owners))
        self.sizes = np.bincount(owners, minlength=count)
        self.starts = np.append(0, np.cumsum(self.sizes))[:-1]
        self.members = members[order]
        self.places = np.empty(len(order), np.int64)
        self.places[order] = np.arange(len(order)) - self.starts[owners[order]]

    def others(self, owners, places, size):
        """Returns up to `size` others that follow each place, in a circle.

        Args:
            owners: int `(rows,)`. Lists.
            places: int64 `(rows,)`. Place of each row's own entry, or -1:
                all entries are others.
            size: Most others.

        Returns:
            int `(entries,)`: the others of all rows; and int64 `(rows,)`:
            how many each row has.
        """
        lengths = self.lengths(owners, places, size)
        offsets = _counters(lengths) + np.repeat(places + 1, lengths)
        offsets %= np.repeat(np.maximum(self.sizes[owners], 1), lengths)
        return self._taken(owners, offsets, lengths)

    def before(self, owners, places, size):
        """Returns up to `size` entries right before each place, in order."""
        lengths = self.lengths(owners, places, size, before=True)
        offsets = _counters(lengths) + np.repeat(places - lengths, lengths)
        return self._taken(owners, offsets, lengths)

    def lengths(self, owners, places, size, before=False):
        """Returns how many `others`, or entries `before`, a row has."""
        if before:
            return np.minimum(places, size)
        own = places >= 0
        return np.clip(self.sizes[owners] - own, 0, size)

    def _taken(self, owners, offsets, lengths):
        starts = np.repeat(self.starts[owners], lengths)
        return self.members[starts + offsets], lengths


def _counters(lengths):
    """Counts from 0 in each row of so many entries."""
    ends = np.cumsum(lengths)
    starts = np.repeat(ends - lengths, lengths)
    return np.arange(len(starts)) - starts
