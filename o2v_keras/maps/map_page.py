"""A map as one page that any browser opens, without a network."""

import html
import importlib.resources
import json
import os

import numpy as np

from o2v_keras.maps.labelled_points import LabelledPoints
from o2v_keras.maps.palette import colours_of
from o2v_keras.storage.replace import write_file


def write_map_page(
    path: str | os.PathLike,
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
        subtitle: What stands below it in small letters. Defaults to none.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "map.html")
    >>> points = LabelledPoints(np.eye(2, dtype=np.float32), ["a", "<b>"])
    >>> write_map_page(path, points, "Two points")
    >>> "<b>" in path.read_text()
    False
    """
    template = importlib.resources.files("o2v_keras.maps") / "page.html"
    parts = {
        "title": html.escape(title),
        "subtitle": html.escape(subtitle),
        "data": _script_json(_data(shown)),
    }
    page = template.read_text(encoding="utf-8")
    # The data stand last, so that no name in them is taken for a place.
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
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
