"""Draws the trials of a search."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from o2v_keras.palette import BLUE
from o2v_keras.palette import INK
from o2v_keras.palette import LINE
from o2v_keras.palette import ORANGE
from o2v_keras.palette import PAPER
from o2v_keras.palette import RED
from o2v_keras.palette import SOFT
from o2v_keras.tuning.summary import Baseline
from o2v_keras.tuning.summary import best_first
from o2v_keras.tuning.trials import TrialRecord

_COLUMNS = 4
# Colour, marker and size of points, those of a later kind on top.
_STYLES = {
    "completed": (BLUE, "o", 26),
    "far worse": (BLUE, "D", 26),
    "failed": (RED, "x", 30),
    "best": (ORANGE, "o", 60),
}


def draw_trials(
    trials: Sequence[TrialRecord],
    objective: str,
    direction: str,
    log_scaled: Sequence[str] = (),
    baseline: Baseline | None = None,
) -> Figure:
    """Draws the objective by trial and by each searched hyperparameter.

    The best trial is orange; failed trials are crosses at the bottom. Trials
    so much worse that the others would fall together are diamonds at the
    edge. A dashed line is the baseline.

    Args:
        trials: `TrialRecord`s in the order of their start, at least one of
            them completed.
        objective: Name of the objective.
        direction: `"min"` or `"max"`.
        log_scaled: Hyperparameters with a logarithmic axis. Defaults to none.
        baseline: The best answer without a model. Defaults to `None`: not
            known.

    Returns:
        A matplotlib figure, which has no window and needs no closing.
    """
    ranked = best_first(trials, direction)
    limits = _limits([trial.objective for trial in ranked], direction, baseline)
    ended = [(n, t) for n, t in enumerate(trials) if t.status != "unfinished"]
    panels = {"trial": ended}
    for name in dict.fromkeys(n for trial in ranked for n in trial.values):
        panels[name] = [
            (t.values[name], t) for _, t in ended if name in t.values
        ]
        if len({value for value, _ in panels[name]}) == 1:
            del panels[name]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(
        figsize=(3.2 * max(2, columns), 2.6 * rows + 0.4),
        facecolor=PAPER,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    for axes, name in zip(grid, panels, strict=False):
        if baseline is not None:
            axes.axhline(
                np.clip(baseline.value, *limits),
                color=SOFT,
                linestyle="--",
                linewidth=1.2,
                label=f"{baseline.name} {baseline.value:.4g}",
            )
        _draw_points(axes, panels[name], ranked[0], limits, name in log_scaled)
        axes.set_title(name, loc="left", color=INK, fontsize=10)
        axes.set(facecolor=PAPER, ylim=limits, axisbelow=True)
        axes.tick_params(colors=SOFT, labelsize=8, length=0, pad=7)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.spines[:].set_visible(False)
    for axes in grid[len(panels) :]:
        axes.remove()
    figure.supylabel(objective, color=SOFT, fontsize=10)
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=5,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return figure


def _draw_points(axes, points, best, limits, is_log):
    """Draws `(value, trial)` pairs, as words where one is no number."""
    values = [x for x, _ in points]
    if any(
        isinstance(x, bool) or not isinstance(x, int | float) for x in values
    ):
        points = [(str(x), trial) for x, trial in points]
        axes.xaxis.update_units(sorted({x for x, _ in points}))
        axes.margins(x=0.3)
    elif is_log:
        axes.set_xscale("log")
        axes.set_xticks(np.geomspace(min(values), max(values), 4))
        axes.xaxis.set_major_formatter("{x:.2g}")
        axes.minorticks_off()
    elif all(isinstance(x, int) for x in values):
        axes.xaxis.set_major_locator(
            MaxNLocator(5, integer=True, min_n_ticks=1)
        )
    places = {kind: [] for kind in _STYLES}
    for x, trial in points:
        if trial.status == "failed":
            places["failed"].append((x, limits[0]))
            continue
        y = np.clip(trial.objective, *limits)
        is_far = y != trial.objective
        kind = (
            "best" if trial is best else "far worse" if is_far else "completed"
        )
        places[kind].append((x, y))
    for kind, (colour, marker, size) in _STYLES.items():
        if places[kind]:
            axes.scatter(
                *zip(*places[kind], strict=True),
                s=size,
                color=colour,
                marker=marker,
                alpha=0.85,
                zorder=3,
                clip_on=False,
                label=f"best: trial {best.name}" if kind == "best" else kind,
            )


def _limits(values, direction, baseline):
    """Returns the objective's axis: from the best to not quite the worst."""
    if baseline is not None:
        values = [*values, baseline.value]
    finite = np.array([value for value in values if math.isfinite(value)])
    first, third = np.percentile(finite, (25, 75))
    reach = 3 * (third - first)
    if reach and direction == "min":
        finite = finite[finite <= third + reach]
    elif reach:
        finite = finite[finite >= first - reach]
    low, high = finite.min(), finite.max()
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin
