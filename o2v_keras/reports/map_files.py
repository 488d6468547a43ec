"""Files of a map: the HTML page, and TensorBoard's projector."""

import html
import importlib.resources
import json
import os
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from o2v_keras.palette import colours_of
from o2v_keras.reports.projected_points import LabelledPoints
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import write_file

_CONFIG, _VECTORS = "projector_config.pbtxt", "tensors.bytes"
_NAMES = "metadata.tsv"
_OURS = f'tensor_path: "{_VECTORS}"'


def write_map_page(
    path: str | os.PathLike[str],
    shown: LabelledPoints,
    title: str,
    subtitle: str = "",
) -> None:
    """Writes a zoomable map with names on hover, a search and a legend.

    The page holds data, style and script, and its security policy forbids it
    to load anything. Names are shown as texts, whatever signs they hold.

    Args:
        path: The `.html` file, replaced if it is there.
        shown: `LabelledPoints`.
        title: Heading of the page.
        subtitle: Small letters below the heading. Defaults to none.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "map.html")
    >>> points = LabelledPoints(np.eye(2, dtype=np.float32), ["a", "<b>"])
    >>> write_map_page(path, points, "Two points")
    >>> "<b>" in path.read_text()
    False
    """
    template = importlib.resources.files("o2v_keras.reports") / "map_page.html"
    parts = {
        "title": html.escape(title),
        "subtitle": html.escape(subtitle),
        "data": _script_json(_data(shown)),
    }
    page = template.read_text(encoding="utf-8")
    # The data come last: a name in them may look like a placeholder.
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    write_file(path, page)


def _data(shown):
    # Five digits of the span are finer than a pixel at the greatest zoom.
    span = max(float(np.ptp(shown.points)), 1e-9)
    points = shown.points.astype(np.float64) / span
    return {
        "x": points[:, 0].round(7).tolist(),
        "y": points[:, 1].round(7).tolist(),
        "labels": list(shown.labels),
        "groups": list(shown.names),
        "numbers": shown.numbers.tolist(),
        "colours": colours_of(shown.names),
    }


def _script_json(data):
    """JSON that cannot end the script element around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def write_projector_files(
    folder: str | os.PathLike[str],
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
    >>> import pathlib, tempfile
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
    output = projector_folder(folder)
    output.check_names()
    output.begin()
    folder = output.path
    vectors = np.ascontiguousarray(vectors, "<f4")
    write_file(folder / _VECTORS, vectors.tobytes())
    rows = [*zip(*columns.values(), strict=True)]
    if len(columns) > 1:
        rows.insert(0, tuple(columns))
    lines = ["\t".join(map(_cell, row)) + "\n" for row in rows]
    write_file(folder / _NAMES, "".join(lines))
    rows, dim = np.shape(vectors)
    write_file(
        folder / _CONFIG,
        "embeddings {\n"
        f'  tensor_name: "{name}"\n'
        f"  tensor_shape: {rows}\n"
        f"  tensor_shape: {dim}\n"
        f"  {_OURS}\n"
        f'  metadata_path: "{_NAMES}"\n'
        "}\n",
    )


def projector_folder(path: str | os.PathLike[str]) -> OutputFolder:
    """Returns the folder of projector files, which may hold others too."""
    files = (_CONFIG, _VECTORS, _NAMES)
    return OutputFolder(path, "path", "a projector's files", files, _is_older)


def _is_older(folder):
    config = folder / _CONFIG
    return config.is_file() and _OURS in config.read_text(errors="replace")


def _cell(text):
    # A blank line would be left out and shift all names after it.
    return " ".join(text.split()) or "-"
