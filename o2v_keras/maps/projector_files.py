"""Files for TensorBoard's embedding projector."""

import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

_CONFIG = "projector_config.pbtxt"


def write_projector_files(
    folder: str | os.PathLike,
    vectors: np.ndarray,
    columns: Mapping[str, Sequence[str]],
    name: str = "embeddings",
) -> None:
    """Writes vectors and their names as TensorBoard's projector reads them.

    `tensorboard --logdir FOLDER` shows them under "Projector". The folder
    receives `tensors.bytes`, `metadata.tsv` and `projector_config.pbtxt`;
    line breaks and tabs in names become blanks, as the format has no others.

    Args:
        folder: A log folder; made if it is missing. The three files in it
            are replaced.
        vectors: float32 `(rows, dim)`.
        columns: Heading -> a text for each row. At least one.
        name: What the projector calls the vectors.

    Raises:
        ValueError: If a column is not as long as the vectors.

    Example:
    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_projector_files(folder, np.eye(2), {"name": ["a", "b"]})
    >>> (folder / "metadata.tsv").read_text().split()
    ['a', 'b']

    Reference:
    - `tensorboard/plugins/projector/projector_plugin.py`: a header only where
      there are several columns; tensors as float32 bytes, row by row.
    """
    for column, texts in columns.items():
        if len(texts) != len(vectors):
            raise ValueError(
                "`columns` must have as many texts as there are vectors. "
                f"Received: {len(vectors)} vectors, {len(texts)} of {column!r}"
            )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.ascontiguousarray(vectors, "<f4").tofile(folder / "tensors.bytes")
    rows = [*zip(*columns.values(), strict=True)]
    if len(columns) > 1:
        rows.insert(0, tuple(columns))
    lines = ["\t".join(map(_cell, row)) + "\n" for row in rows]
    (folder / "metadata.tsv").write_text("".join(lines), encoding="utf-8")
    rows, dim = np.shape(vectors)
    (folder / _CONFIG).write_text(
        "embeddings {\n"
        f'  tensor_name: "{name}"\n'
        f"  tensor_shape: {rows}\n"
        f"  tensor_shape: {dim}\n"
        '  tensor_path: "tensors.bytes"\n'
        '  metadata_path: "metadata.tsv"\n'
        "}\n",
        encoding="utf-8",
    )


def _cell(text):
    # A blank line would be left out and shift all names after it.
    return " ".join(text.split()) or "-"
