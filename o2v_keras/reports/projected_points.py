"""Embeddings projected to the plane, with labels and groups."""

import collections
import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from o2v_keras.neighbors.vector_checks import all_equal
from o2v_keras.neighbors.vector_checks import checked_vectors
from o2v_keras.optional_packages import import_extra
from o2v_keras.palette import OTHERS

# More could not be told apart by their colours.
MOST_GROUPS = 12
# t-SNE and UMAP measure distances of all pairs of neighbours; the first
# components hold what matters at a fraction of the time.
_COMPONENTS = 50


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

    def __post_init__(self) -> None:
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

    def __len__(self) -> int:
        return len(self.points)


def project(
    vectors: Any, method: str = "pca", seed: int = 0, unit_length: bool = False
) -> np.ndarray:
    """Projects vectors to two dimensions.

    Args:
        vectors: Finite numbers of shape `(rows, dim)`; at least 3 rows of 2
            numbers.
        method: `"pca"`, the plane of the greatest variance; `"tsne"` of
            scikit-learn; or `"umap"` of the package umap-learn. The latter
            two show who is near whom, but neither distances nor sizes of
            groups, and start from at most 50 principal components. Defaults
            to `"pca"`.
        seed: What the methods' random choices follow from. Defaults to 0.
        unit_length: Whether vectors are scaled to length 1 first, for
            embeddings that are compared by cosine. Defaults to `False`.

    Returns:
        float32 `(rows, 2)`.

    Raises:
        ValueError: If vectors are too few, all equal or unusable, or the
            method is unknown.
        MissingExtraError: If umap-learn is not installed.

    Example:
    >>> project(np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]]))
    array([[ 3.,  0.],
           [-3.,  0.],
           [ 0.,  1.],
           [ 0., -1.]], dtype=float32)
    """
    if method not in _METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(_METHODS)}. "
            f"Received: method={method!r}"
        )
    vectors = checked_vectors(vectors, "cosine" if unit_length else "dot")
    if len(vectors) < 3 or vectors.shape[1] < 2:
        raise ValueError(
            "`vectors` must be at least 3 rows of at least 2 numbers, to be "
            f"laid out on a plane. Received: shape {vectors.shape}"
        )
    if all_equal(vectors):
        raise ValueError(
            "`vectors` must differ, to be laid out on a plane: do the rows "
            "hold different objects, and words that training has seen? "
            f"Received: {len(vectors)} equal vectors"
        )
    points = _METHODS[method](vectors, seed)
    # Components have no sign of their own: one that many programs share.
    largest = np.abs(points).argmax(axis=0)
    signs = np.where(points[largest, [0, 1]] < 0, -1, 1)
    return (points * signs).astype(np.float32) + np.float32(0)


def _pca(vectors, seed, components=2):
    components = min(components, *vectors.shape)
    return PCA(components, random_state=seed).fit_transform(
        vectors.astype(np.float64)
    )


def _tsne(vectors, seed):
    perplexity = min(30, (len(vectors) - 1) / 3)
    return TSNE(
        init="pca", perplexity=perplexity, random_state=seed
    ).fit_transform(_pca(vectors, seed, _COMPONENTS))


def _umap(vectors, seed):
    umap = import_extra("umap", "umap-learn", 'The method "umap"')
    with warnings.catch_warnings():
        # It remarks that a seed leaves one thread.
        warnings.simplefilter("ignore")
        return umap.UMAP(
            n_neighbors=min(15, len(vectors) - 1), random_state=seed
        ).fit_transform(_pca(vectors, seed, _COMPONENTS))


_METHODS = {"pca": _pca, "tsne": _tsne, "umap": _umap}
