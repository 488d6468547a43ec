"""The colours of groups, alike in pictures and pages."""

from collections.abc import Sequence

from o2v_keras.maps.labelled_points import OTHERS

# Tableau's ten without its grey, and two more.
_COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
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
