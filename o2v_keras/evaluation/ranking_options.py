"""The options of a ranking."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS

_SCORES = ("cosine", "dot", "head")
_SIDES = ("in0", "in1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingOptions:
    """The options of `rank`.

    Args:
        columns: `PairColumns` of all data. Defaults to `in0`, `in1`, `label`.
        query: Side of the queries. Defaults to `"in0"`.
        score: `"cosine"`, `"dot"` or `"head"`. Defaults to `None`: the one
            that the model was trained by.
        at: The `k`s of the metrics. Defaults to `(1, 10, 100)`.
        min_label: Least label of a target. Defaults to `None`: 1 for a model
            of two classes, otherwise no limit.
        keep_seen: Whether known partners are candidates. Defaults to
            `False`.
        filtered: Whether each target is ranked without the query's other
            targets. Defaults to `False`.
        exclude_own: Whether ids of the query are excluded from its
            candidates. Defaults to `None`: for bags of ids only.
        given_candidates: Whether a query has only the candidates of its
            rows. Defaults to `False`.
        allow_leaks: Whether targets may be in the training data. Defaults to
            `False`.
        texts: Side -> texts of its rows. Defaults to `None`: the texts in
            the data.

    Raises:
        ValueError: If a value is invalid.

    Example:
    >>> RankingOptions(query="in1").target
    'in0'
    """

    columns: PairColumns = DEFAULT_COLUMNS
    query: str = "in0"
    score: str | None = None
    at: Sequence[int] = (1, 10, 100)
    min_label: float | None = None
    keep_seen: bool = False
    filtered: bool = False
    exclude_own: bool | None = None
    given_candidates: bool = False
    allow_leaks: bool = False
    texts: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        _require_choice("query", self.query, _SIDES)
        if self.score is not None:
            _require_choice("score", self.score, _SCORES)
        _require_cutoffs(self.at)

    @property
    def target(self) -> str:
        """The side that is ranked."""
        return _SIDES[1 - _SIDES.index(self.query)]


def _require_choice(name, value, choices):
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )


def _require_cutoffs(at):
    numbers = at if isinstance(at, Sequence) else [None]
    if not numbers or not all(isinstance(k, int) and k > 0 for k in numbers):
        raise ValueError(
            "`at` must be a list of integers of at least 1. "
            f"Received: at={at!r}"
        )
