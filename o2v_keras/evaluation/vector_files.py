"""Writes one vector a row as NumPy, Parquet or JSON Lines."""

import json
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_vectors(
    path: str | os.PathLike, vectors: np.ndarray, name: str
) -> None:
    """Writes vectors in order; the ending of `path` chooses the format.

    The file appears under its name only when it is complete.

    Args:
        path: `.npy` (array), `.parquet` (a fixed-size list column) or
            `.jsonl` (`{"<name>": [...]}` a line, as SageMaker answers).
        vectors: float32 `(rows, dim)`.
        name: `"scores"` or `"embeddings"`: column or key.

    Raises:
        ValueError: If the ending is another one.
    """
    path = pathlib.Path(path)
    writers = {".npy": _npy, ".parquet": _parquet, ".jsonl": _json_lines}
    if path.suffix not in writers:
        raise ValueError(
            f"`path` must end in {', '.join(writers)}. "
            f"Received: path={os.fspath(path)!r}"
        )
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        writers[path.suffix](file, vectors, name)
    os.replace(partial, path)


def _npy(file, vectors, name):
    np.save(file, vectors)


def _parquet(file, vectors, name):
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    pq.write_table(pa.table({name: column}), file)


def _json_lines(file, vectors, name):
    for vector in vectors:
        line = json.dumps({name: vector.tolist()})
        file.write(line.encode() + b"\n")
