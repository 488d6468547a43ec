"""From embeddings to a map file."""

import itertools
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from o2v_keras.neighbors.vector_checks import checked_vectors
from o2v_keras.reports.figures import write_map_picture
from o2v_keras.reports.map_files import projector_folder
from o2v_keras.reports.map_files import write_map_page
from o2v_keras.reports.map_files import write_projector_files
from o2v_keras.reports.projected_points import LabelledPoints
from o2v_keras.reports.projected_points import project

_WRITERS = {".html": write_map_page, ".png": write_map_picture}
_METHOD_NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def write_map(
    path: str | os.PathLike[str],
    vectors: np.ndarray,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    method: str = "pca",
    title: str = "Embeddings",
    unit_length: bool = False,
    seed: int = 0,
    left_out: np.ndarray | None = None,
) -> None:
    """Shows embeddings on a plane.

    Args:
        path: `.html`: one page that zooms, shows names on hover and searches
            them. `.png`: a picture. A name without ending: a folder for
            TensorBoard, whose projector does its own projections.
        vectors: Numbers of shape `(rows, dim)`.
        labels: A name for each row. Defaults to `None`: their numbers.
        groups: What colours the rows, or `None`.
        method: `"pca"`, `"tsne"` or `"umap"`, as `project` takes it.
        title: Heading.
        unit_length: Whether vectors are scaled to length 1 first. Defaults
            to `False`.
        seed: The projection's. Defaults to 0.
        left_out: bool `(rows,)`. Rows that are not shown, such as those that
            `embed_marked` calls untrained. Defaults to `None`: all are.

    Raises:
        ValueError: If the path, the vectors or their names are unusable.
        MissingExtraError: If umap-learn is asked for and not installed.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "map.html")
    >>> write_map(path, np.eye(3), ["a", "b", "c"])
    >>> path.read_text()[:15]
    '<!DOCTYPE html>'
    """
    check_map_path(path)
    path = pathlib.Path(path)
    if labels is None:
        labels = range(len(vectors))
    labels = [str(label) for label in labels]
    groups = None if groups is None else [str(group) for group in groups]
    if left_out is not None:
        vectors = vectors[~left_out]
        labels = list(itertools.compress(labels, ~left_out))
        groups = groups and list(itertools.compress(groups, ~left_out))
    if path.suffix not in _WRITERS:
        vectors = checked_vectors(vectors, "dot")
        columns = {"name": labels} | ({"group": groups} if groups else {})
        write_projector_files(path, vectors, columns)
        return
    points = project(vectors, method, seed, unit_length)
    subtitle = (
        f"{len(points):,} points · {np.shape(vectors)[1]} dimensions · "
        f"{_METHOD_NAMES[method]}"
    )
    shown = LabelledPoints(points, labels, groups)
    _WRITERS[path.suffix](path, shown, title, subtitle)


def check_map_path(path: str | os.PathLike[str]) -> None:
    """Checks where a map is to go, before anything is computed.

    Raises:
        ValueError: If the path has another ending, its folder is missing, or
            it is a folder with foreign files of the projector's names.
    """
    path = pathlib.Path(path)
    is_file = path.suffix in _WRITERS
    is_folder = path.suffix == "" and not path.is_file()
    if not (is_file and path.parent.is_dir() and not path.is_dir()) and (
        not is_folder
    ):
        raise ValueError(
            "`path` must be an .html or .png file in an existing folder, or "
            "a folder for TensorBoard's projector. "
            f"Received: path={os.fspath(path)!r}"
        )
    if is_folder:
        projector_folder(path).check_names()
