"""Pictures: learning curves, and the map of embeddings."""

import os
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from o2v_keras.palette import BLUE
from o2v_keras.palette import INK
from o2v_keras.palette import LINE
from o2v_keras.palette import ORANGE
from o2v_keras.palette import OTHERS
from o2v_keras.palette import PAPER
from o2v_keras.palette import SOFT
from o2v_keras.palette import colours_of
from o2v_keras.reports.projected_points import LabelledPoints
from o2v_keras.storage.replace import replaced_file

_NO_METRICS = {"epoch", "seconds", "examples_per_second"}
# More names than these would cover each other.
_MOST_NAMES = 60


def draw_curves(
    epochs: Sequence[dict[str, float]], best_epoch: int | None = None
) -> Figure:
    """Draws each metric in a panel, training beside validation.

    Args:
        epochs: The lines of `history.csv`, at least one.
        best_epoch: Marked by a line, if given.

    Returns:
        A matplotlib figure, which has no window and needs no closing.

    Example:
    >>> figure = draw_curves([{"epoch": 0, "loss": 2.0, "val_loss": 3.0}])
    >>> figure.axes[0].get_title(loc="left")
    'loss'
    """
    names = _panels(epochs)
    figure = Figure(
        figsize=(4.4 * len(names), 3.2), facecolor=PAPER, layout="constrained"
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_curve(axes, name, "training", BLUE, epochs)
        _draw_curve(axes, f"val_{name}", "validation", ORANGE, epochs)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=SOFT, linewidth=1, linestyle=":")
        _finish_panel(axes, name.replace("_", " "))
    panels[0].legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _panels(epochs):
    """Names of the metrics; none twice under another name."""
    names, columns = [], []
    for name in epochs[0]:
        column = [epoch[name] for epoch in epochs]
        is_metric = name not in _NO_METRICS and not name.startswith("val_")
        if is_metric and column not in columns:
            names.append(name)
            columns.append(column)
    return names


def _draw_curve(axes, name, label, colour, epochs):
    if name in epochs[0]:
        axes.plot(
            [epoch["epoch"] for epoch in epochs],
            [epoch[name] for epoch in epochs],
            color=colour,
            label=label,
            linewidth=2,
            marker="o",
            markersize=4 if len(epochs) <= 30 else 0,
        )


def _finish_panel(axes, title):
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel("epoch", color=SOFT, fontsize=9)
    axes.tick_params(colors=SOFT, labelsize=9, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_map(shown: LabelledPoints, title: str, subtitle: str = "") -> Figure:
    r"""Draws points in the colours of their groups.

    Up to 60 points are named where there is room; a legend names the groups.

    Args:
        shown: `LabelledPoints`.
        title: Heading.
        subtitle: Small letters below the heading. Defaults to none.

    Returns:
        A matplotlib figure, which has no window and needs no closing.

    Example:
    >>> points = LabelledPoints(np.eye(2, dtype=np.float32), ["a", "b"])
    >>> draw_map(points, "Two points").axes[0].get_title(loc="left")
    'Two points\n'
    """
    figure = Figure(figsize=(9, 6), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=PAPER)
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
    _finish_map(axes, len(shown.names) > 1)
    axes.set_title(
        f"{_plain(title)}\n", loc="left", color=INK, fontweight="bold"
    )
    axes.text(
        0,
        1.015,
        _plain(subtitle),
        transform=axes.transAxes,
        color=SOFT,
        fontsize=9,
    )
    if rows <= _MOST_NAMES:
        _name_points(axes, shown)
    return figure


def write_map_picture(
    path: str | os.PathLike[str],
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
            color=INK,
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


def _finish_map(axes, has_legend):
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
            labelcolor=INK,
            markerscale=1.6,
            handletextpad=0.2,
        )


def _plain(text):
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
