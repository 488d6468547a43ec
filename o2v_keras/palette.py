"""The colours of all figures and HTML pages."""

from collections.abc import Sequence

INK, SOFT, PAPER, LINE = "#23262b", "#6d737c", "#fbfbf9", "#dfe1e4"
BLUE, ORANGE, RED = "#4e79a7", "#f28e2b", "#e15759"
# Name of the groups on a map beyond the twelve colours.
OTHERS = "other"
# Tableau's ten without its grey, and two more.
_COLOURS = (
    BLUE,
    ORANGE,
    "#59a14f",
    RED,
    "#b07aa1",
    "#76b7b2",
    "#edc948",
    "#9c755f",
    "#ff9da7",
    "#2f4b7c",
    "#86bc25",
    "#d45087",
)
_REST = "#a9a9a9"


def colours_of(names: Sequence[str]) -> list[str]:
    """Returns a colour for each of at most 12 groups; grey for the others.

    Example:
    >>> colours_of(["noun", "other"])
    ['#4e79a7', '#a9a9a9']
    """
    return [
        _REST if name == OTHERS else colour
        for name, colour in zip(names, _COLOURS, strict=False)
    ]
