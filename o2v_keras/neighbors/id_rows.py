"""The rows that the ids of an index stand for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_INTEGER = (int, np.integer)
# Kind of the index's ids -> types of an id, and their names.
_TYPES = {
    "U": (str, "a text"),
    "i": (_INTEGER, "an integer"),
    "O": ((str, *_INTEGER), "a text or an integer"),
}


class IdRows:
    """Finds rows by their ids.

    Args:
        ids: int64, texts or objects `(rows,)`, distinct.

    Example:
    >>> rows = IdRows(np.array(["a", "b"]))
    >>> rows.row("b"), rows.listed([["b", "c"], []], 2, "exclude")
    (1, [[1], []])
    """

    def __init__(self, ids: np.ndarray):
        self._ids = ids
        self._rows = None

    def row(self, identifier: int | str) -> int:
        """Returns the row of an id.

        Raises:
            ValueError: If it is not in the index.
        """
        row = self._row_or_none(identifier)
        if row is None:
            raise ValueError(
                "`identifier` must be one of the index's ids, which begin "
                f"with {self._ids[:3].tolist()}. Received: {identifier!r}"
            )
        return row

    def listed(
        self, lists: Sequence[Any], queries: int, name: str
    ) -> list[list[int]]:
        """Returns the rows of a list of ids for each query.

        Args:
            lists: For each query the ids; unknown ones are ignored.
            queries: int. Number of queries.
            name: Name of the argument, for messages.

        Returns:
            Rising rows. Queries with one and the same list have one, too.

        Raises:
            ValueError: If there is no list for each query, or an id has
                another type than those of the index.
        """
        if isinstance(lists, str) or len(lists) != queries:
            raise ValueError(
                f"`{name}` must hold a list of ids for each of the "
                f"{queries} queries. Received: {name}={lists!r:.60}"
            )
        lists = [*lists]
        different = {id(ids): ids for ids in lists}
        for ids in different.values():
            if isinstance(ids, str) or not hasattr(ids, "__iter__"):
                raise ValueError(
                    f"`{name}` must hold a list of ids for each query. "
                    f"Received: {ids!r} for one"
                )
        rows = {
            key: sorted(
                row
                for row in {self._row_or_none(i) for i in ids}
                if row is not None
            )
            for key, ids in different.items()
        }
        return [rows[id(ids)] for ids in lists]

    def _row_or_none(self, identifier):
        types, rule = _TYPES[self._ids.dtype.kind]
        if not isinstance(identifier, types):
            raise ValueError(
                f"an id must be {rule}, as those of the index are. "
                f"Received: {identifier!r}"
            )
        if self._rows is None:
            ids = self._ids.tolist()
            self._rows = {name: row for row, name in enumerate(ids)}
        return self._rows.get(identifier)
