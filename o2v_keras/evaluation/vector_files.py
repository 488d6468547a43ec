"""Writes one vector a row as NumPy, Parquet or JSON Lines."""

import json
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from o2v_keras.storage.replace import replaced_file


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
    check_vector_path(path)
    path = pathlib.Path(path)
    with replaced_file(path) as new, open(new, "wb") as file:
        _WRITERS[path.suffix](file, vectors, name)


def check_vector_path(path: str | os.PathLike) -> None:
    """Checks where vectors are to go, before anything is computed.

    Raises:
        ValueError: If the ending is none of `.npy`, `.parquet` and `.jsonl`,
            or the file cannot be made there.
    """
    path = pathlib.Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(
            f"`path` must end in {', '.join(_WRITERS)}. "
            f"Received: path={os.fspath(path)!r}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            "`path` must be a file in an existing folder. "
            f"Received: path={os.fspath(path)!r}"
        )


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


_WRITERS = {".npy": _npy, ".parquet": _parquet, ".jsonl": _json_lines}
