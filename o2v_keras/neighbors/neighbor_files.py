"""Writes neighbours as text or files."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from o2v_keras.neighbors.neighbor_index import Neighbors
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file

_ENDINGS = (".jsonl", ".parquet")


def check_neighbor_path(path: str | os.PathLike[str]) -> None:
    """Checks an output path before anything is computed.

    Raises:
        ValueError: If the ending is neither `.jsonl` nor `.parquet`, or the
            folder does not exist.
    """
    path = pathlib.Path(path)
    if path.suffix not in _ENDINGS or not path.parent.is_dir():
        raise ValueError(
            "`path` must be a .jsonl or .parquet file in an existing folder. "
            f"Received: path={os.fspath(path)!r}"
        )


def write_neighbors(
    path: str | os.PathLike[str], names: Sequence[Any], nearest: Neighbors
) -> None:
    """Writes a row `{"query": ..., "neighbors": [...], "scores": [...]}` each.

    Lists are shorter if a query has fewer neighbours. The write is atomic.

    Args:
        path: A `.jsonl` file, or a `.parquet` file with these columns, where
            integers among texts become texts.
        names: A text or an integer for each query.
        nearest: `Neighbors` of these queries.

    Raises:
        ValueError: If the path is unusable (see `check_neighbor_path`).
    """
    check_neighbor_path(path)
    path = pathlib.Path(path)
    rows = [
        {"query": name, "neighbors": ids, "scores": scores}
        for name, ids, scores in _rows(names, nearest)
    ]
    if path.suffix == ".parquet":
        # A column has one type.
        if len({type(row["query"]) for row in rows}) > 1:
            rows = [{**row, "query": str(row["query"])} for row in rows]
        if nearest.ids.dtype == object:
            rows = [
                {**row, "neighbors": [*map(str, row["neighbors"])]}
                for row in rows
            ]
        with replaced_file(path) as new:
            pa.parquet.write_table(pa.Table.from_pylist(rows), new)
    else:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        write_file(path, "".join(lines))


def format_neighbors(names: Sequence[Any], nearest: Neighbors) -> str:
    """Returns a paragraph for each query, a line for each neighbour.

    Example:
    >>> ids = np.array([["a cat", "a dog"]])
    >>> scores, rows = np.array([[0.5, 0.25]]), np.array([[3, 1]])
    >>> print(format_neighbors(["a pet"], Neighbors(ids, scores, rows)))
    a pet
        0.5000  a cat
        0.2500  a dog
    """
    paragraphs = []
    for name, ids, scores in _rows(names, nearest):
        lines = [
            f"{score:10.4f}  {identifier}"
            for identifier, score in zip(ids, scores, strict=True)
        ]
        paragraphs.append("\n".join([str(name), *lines]))
    return "\n\n".join(paragraphs)


def _rows(names, nearest):
    left = (nearest.rows >= 0).sum(axis=1)
    # The shortest decimals that round to these float32 numbers.
    scores = np.asarray(nearest.scores).astype(str).astype(np.float64)
    for row, (name, count) in enumerate(zip(names, left, strict=True)):
        yield (
            name,
            nearest.ids[row, :count].tolist(),
            scores[row, :count].tolist(),
        )
