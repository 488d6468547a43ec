"""Points on a plane with their names and groups."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

# What a map calls the groups it has no colours for.
OTHERS = "other"
# More could not be told apart by their colours.
MOST_GROUPS = 12


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledPoints:
    """What a map shows.

    Args:
        points: float32 `(rows, 2)`.
        labels: A text for each point.
        groups: What each point belongs to, or `None`: one group.

    Attributes:
        names: The groups, the most frequent first. Of more than 12 the rest
            are one, `"other"`, in the last place.
        numbers: int64 `(rows,)`. The group of each point in `names`.

    Raises:
        ValueError: If points, labels and groups differ in number.

    Example:
    >>> points = np.zeros((3, 2), np.float32)
    >>> shown = LabelledPoints(points, ["a", "b", "c"], ["x", "y", "y"])
    >>> shown.names, shown.numbers
    (('y', 'x'), array([1, 0, 0]))
    """

    points: np.ndarray
    labels: Sequence[str]
    groups: Sequence[str] | None = None
    names: tuple[str, ...] = dataclasses.field(init=False)
    numbers: np.ndarray = dataclasses.field(init=False)

    def __post_init__(self):
        rows = len(self.points)
        groups = [""] * rows if self.groups is None else list(self.groups)
        if len(self.labels) != rows or len(groups) != rows:
            raise ValueError(
                "`labels` and `groups` must be as many as the points. "
                f"Received: {rows} points, {len(self.labels)} labels, "
                f"{len(groups)} groups"
            )
        counts = collections.Counter(groups)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        if len(names) > MOST_GROUPS:
            names = [n for n in names if n != OTHERS][: MOST_GROUPS - 1]
            names.append(OTHERS)
        places = {name: place for place, name in enumerate(names)}
        last = len(names) - 1
        numbers = np.array([places.get(g, last) for g in groups], np.int64)
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "numbers", numbers)

    def __len__(self):
        return len(self.points)
