"""The rows that the ids of an index stand for."""

from collections.abc import Sequence

import numpy as np


class IdRows:
    """Finds rows by their ids.

    Args:
        ids: int64 or texts `(rows,)`, distinct.

    Example:
    >>> rows = IdRows(np.array(["a", "b"]))
    >>> rows.row("b"), rows.excluded([["b", "c"], []], queries=2)
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

    def excluded(
        self, exclude: Sequence | None, queries: int
    ) -> list[list[int]]:
        """Returns the rows to exclude from each answer.

        Args:
            exclude: For each query the ids to exclude, or `None`; unknown
                ones are ignored.
            queries: int. Number of queries.

        Raises:
            ValueError: If there is no list for each query, or an id has
                another type than those of the index.
        """
        if exclude is None:
            return [()] * queries
        if isinstance(exclude, str) or len(exclude) != queries:
            raise ValueError(
                f"`exclude` must hold a list of ids for each of the "
                f"{queries} queries. Received: exclude={exclude!r:.60}"
            )
        for ids in exclude:
            if isinstance(ids, str) or not hasattr(ids, "__iter__"):
                raise ValueError(
                    "`exclude` must hold a list of ids for each query. "
                    f"Received: {ids!r} for one"
                )
        rows = [{self._row_or_none(i) for i in ids} for ids in exclude]
        return [sorted(found - {None}) for found in rows]

    def _row_or_none(self, identifier):
        is_text = isinstance(identifier, str)
        is_integer = isinstance(identifier, int | np.integer)
        texts = self._ids.dtype.kind == "U"
        if not (is_text if texts else is_integer):
            raise ValueError(
                f"an id must be {'a text' if texts else 'an integer'}, as "
                f"those of the index are. Received: {identifier!r}"
            )
        if self._rows is None:
            ids = self._ids.tolist()
            self._rows = {name: row for row, name in enumerate(ids)}
        return self._rows.get(identifier)
