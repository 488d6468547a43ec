"""A map as a picture."""

import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from o2v_keras.maps.labelled_points import OTHERS
from o2v_keras.maps.labelled_points import LabelledPoints
from o2v_keras.maps.palette import colours_of
from o2v_keras.storage.replace import replaced_file

_INK, _SOFT, _PAPER = "#23262b", "#6d737c", "#fbfbf9"
# More names than these would cover each other.
_MOST_NAMES = 60


def draw_map(shown: LabelledPoints, title: str, subtitle: str = "") -> Figure:
    r"""Draws points in the colours of their groups.

    Up to 60 points have their names beside them where there is room; groups
    stand in a legend.

    Args:
        shown: `LabelledPoints`.
        title: What stands above.
        subtitle: What stands below it in small letters. Defaults to none.

    Returns:
        A matplotlib figure, which has no window and needs no closing.

    Example:
    >>> points = LabelledPoints(np.eye(2, dtype=np.float32), ["a", "b"])
    >>> draw_map(points, "Two points").axes[0].get_title(loc="left")
    'Two points\n'
    """
    figure = Figure(figsize=(9, 6), facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=_PAPER)
    rows = len(shown)
    size = 7 if rows > 5000 else 16 if rows > 1000 else 40
    colours = colours_of(shown.names)
    for number, name in enumerate(shown.names):
        points = shown.points[shown.numbers == number]
        axes.scatter(
            *points.T,
            s=size,
            color=colours[number],
            alpha=0.75,
            linewidths=0,
            label=f"{_plain(name) or '(none)'}  {len(points)}",
            # The rest lies below all groups, the rarest group on top.
            zorder=1 if name == OTHERS else 2 + number,
        )
    _finish(axes, len(shown.names) > 1)
    axes.set_title(
        f"{_plain(title)}\n", loc="left", color=_INK, fontweight="bold"
    )
    axes.text(
        0,
        1.015,
        _plain(subtitle),
        transform=axes.transAxes,
        color=_SOFT,
        fontsize=9,
    )
    if rows <= _MOST_NAMES:
        _name_points(axes, shown)
    return figure


def write_map_picture(
    path: str | os.PathLike,
    shown: LabelledPoints,
    title: str,
    subtitle: str = "",
) -> None:
    """Writes `draw_map` as a `.png` file of 1,350 x 900 pixels."""
    with replaced_file(path) as new:
        draw_map(shown, title, subtitle).savefig(new, dpi=150, format="png")


def _name_points(axes, shown):
    """Writes names beside points, as long as they do not cover others."""
    texts = [
        axes.annotate(
            _plain(label),
            point,
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_INK,
        )
        for point, label in zip(shown.points, shown.labels, strict=True)
    ]
    axes.figure.draw_without_rendering()
    kept = []
    for text in texts:
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in kept):
            text.remove()
        else:
            kept.append(box)


def _finish(axes, has_legend):
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    axes.margins(0.06)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if has_legend:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            frameon=False,
            fontsize=9,
            labelcolor=_INK,
            markerscale=1.6,
            handletextpad=0.2,
        )


def _plain(text):
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
