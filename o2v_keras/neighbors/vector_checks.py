"""Checks of vectors and ids of an index."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from o2v_keras.user_warning import warn_user

METRICS = ("cosine", "dot", "euclidean")
# The remedy for a damaged index.
REMEDY = "Make the index again with `o2v index`."
_SHOWN = 5


def checked_vectors(
    vectors: Any, metric: str, dim: int | None = None, name: str = "vectors"
) -> np.ndarray:
    """Checks vectors; scales them to length 1 for cosines.

    Args:
        vectors: Numbers of shape `(rows, dim)`.
        metric: `"cosine"`, `"dot"` or `"euclidean"`.
        dim: int. The required width. Defaults to `None`: any.
        name: Name of the argument, for messages. Defaults to `"vectors"`.

    Returns:
        float32 `(rows, dim)`.

    Raises:
        ValueError: If the shape is wrong, or a row holds NaN or infinity, or
            only zeros under `"cosine"`.

    Example:
    >>> checked_vectors([[3.0, 4.0]], "cosine")
    array([[0.6, 0.8]], dtype=float32)
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.dtype.kind not in "iuf":
        raise ValueError(
            f"`{name}` must be numbers of shape (rows, dim). Received: "
            f"{name} of shape {vectors.shape} and dtype {vectors.dtype}"
        )
    if vectors.shape[1] != (dim or max(vectors.shape[1], 1)):
        raise ValueError(
            f"`{name}` must have {dim or 'at least 1'} numbers a row"
            + (", as the vectors in the index. " if dim else ". ")
            + "Embeddings of the model that made the index have. "
            f"Received: {name} of shape {vectors.shape}"
        )
    vectors = vectors.astype(np.float32, copy=False)
    _refuse_rows(
        ~np.isfinite(vectors).all(axis=1), name, "be finite", "NaN or infinity"
    )
    if metric != "cosine":
        return vectors
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    _refuse_rows(
        lengths[:, 0] == 0,
        name,
        'differ from zero under the metric "cosine", to have a direction '
        '(the metrics "dot" and "euclidean" take zeros)',
        "only zeros",
    )
    return (vectors / lengths).astype(np.float32)


def all_equal(vectors: np.ndarray) -> bool:
    """Whether there are several vectors, all equal up to rounding.

    Example:
    >>> all_equal(np.ones((3, 2))), all_equal(np.eye(2)), all_equal(np.eye(1))
    (True, False, False)
    """
    largest = np.abs(vectors).max(initial=0)
    spread = np.ptp(vectors, axis=0).max(initial=0) if len(vectors) else 0
    return len(vectors) > 1 and bool(spread <= 1e-6 * largest)


def warn_of_equal(vectors: np.ndarray) -> None:
    """Warns if all vectors are equal."""
    if all_equal(vectors):
        warn_user(
            f"All {len(vectors):,} embeddings are equal, so that each is as "
            "near as any other. Do the rows hold different objects, and words "
            "that training has seen?"
        )


def checked_ids(
    ids: Sequence[Any] | np.ndarray | None, rows: int
) -> np.ndarray:
    """Checks the ids of rows.

    Args:
        ids: Distinct integers or texts that are not empty, also both, or
            `None` for the numbers of the rows.
        rows: int. The required number of ids.

    Returns:
        `(rows,)`: int64 where all are integers of at least 0, texts where all
        are texts, otherwise objects.

    Raises:
        ValueError: If an id is invalid or repeated, or their number differs.

    Example:
    >>> checked_ids(None, rows=3)
    array([0, 1, 2])
    """
    if ids is None:
        return np.arange(rows)
    # NumPy makes texts of integers among texts.
    given: Any = ids
    values = given.tolist() if hasattr(ids, "tolist") else [*given]
    values = [i.item() if isinstance(i, np.generic) else i for i in values]
    if len(values) != rows:
        raise ValueError(
            f"`ids` must be {rows} integers or texts, one for each vector. "
            f"Received: {len(values)} ids"
        )
    for row, value in enumerate(values):
        if value == "" or type(value) not in (int, str):
            raise ValueError(
                "`ids` must be integers, or texts that are not empty. "
                f"Received: ids[{row}]={value!r:.60}"
            )
    counts = collections.Counter(values)
    if len(counts) < rows:
        twice = [value for value, count in counts.items() if count > 1]
        raise ValueError(
            f"`ids` must be distinct. Received: {len(twice)} of them more "
            f"than once, such as {twice[0]!r}"
        )
    if all(type(value) is str for value in values):
        return np.array(values, str)
    # -1 among integers means that there is no neighbour.
    if all(type(value) is int and 0 <= value < 2**63 for value in values):
        return np.array(values, np.int64)
    return np.array(values, object)


def check_k(k: int, rows: int) -> None:
    """Raises `ValueError` if there are no `k` vectors to find."""
    is_integer = isinstance(k, int | np.integer) and k is not True
    if not is_integer or not 1 <= k <= rows:
        raise ValueError(
            f"`k` must be an integer from 1 to {rows}, the number "
            f"of vectors in the index. Received: k={k!r}"
        )


def checked_metric(metric: str) -> str:
    """Returns the name of a metric; raises `ValueError` if it is unknown."""
    if metric not in METRICS:
        raise ValueError(
            f"`metric` must be one of {', '.join(METRICS)}. "
            f"Received: metric={metric!r}"
        )
    return metric


def _refuse_rows(bad, name, rule, found):
    if bad.any():
        rows = np.flatnonzero(bad)
        shown = ", ".join(map(str, rows[:_SHOWN]))
        shown += ", ..." if len(rows) > _SHOWN else ""
        raise ValueError(
            f"`{name}` must {rule}. Received: {found} in {len(rows)} of "
            f"{len(bad)} rows: {shown} (rows count from 0)"
        )
