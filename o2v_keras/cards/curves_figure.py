"""Metrics over the epochs of a training, as a picture."""

from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_INK, _SOFT, _PAPER, _LINE = "#23262b", "#6d737c", "#fbfbf9", "#dfe1e4"
_TRAINING, _VALIDATION = "#4e79a7", "#f28e2b"
_NO_METRICS = {"epoch", "seconds", "examples_per_second"}


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
        figsize=(4.4 * len(names), 3.2), facecolor=_PAPER, layout="constrained"
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw(axes, name, "training", _TRAINING, epochs)
        _draw(axes, f"val_{name}", "validation", _VALIDATION, epochs)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=_SOFT, linewidth=1, linestyle=":")
        _finish(axes, name.replace("_", " "))
    panels[0].legend(frameon=False, fontsize=9, labelcolor=_INK)
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


def _draw(axes, name, label, colour, epochs):
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


def _finish(axes, title):
    axes.set_facecolor(_PAPER)
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel("epoch", color=_SOFT, fontsize=9)
    axes.tick_params(colors=_SOFT, labelsize=9, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
