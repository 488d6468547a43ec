"""The trials of a search, as a picture."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
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


def draw_trials(
    trials: Sequence[TrialRecord],
    objective: str,
    direction: str,
    log_scaled: Sequence[str] = (),
    baseline: Baseline | None = None,
) -> Figure:
    """Draws the objective by trial, and by each searched hyperparameter.

    The best trial is orange in every panel. In the first, a line follows the
    best so far, and crosses at the bottom are trials that failed. Where
    values lie so far off that the others could not be told apart, they stand
    at the panel's edge, as triangles. A dashed line is what is reached
    without a model.

    Args:
        trials: `TrialRecord`s, in the order in which they began.
        objective: Name of the objective.
        direction: `"min"` or `"max"`.
        log_scaled: Hyperparameters searched on a logarithmic scale.
        baseline: Defaults to `None`: not known.

    Returns:
        A matplotlib figure, which has no window and needs no closing.
    """
    ranked = best_first(trials, direction)
    names = [
        name
        for name in dict.fromkeys(n for t in ranked for n in t.values)
        if len({t.values.get(name) for t in ranked}) > 1
    ]
    columns = min(_COLUMNS, max(2, len(names)))
    rows = 1 + math.ceil(len(names) / columns)
    figure = Figure(
        figsize=(3.2 * columns, 2.6 * rows),
        facecolor=PAPER,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows, columns)
    values = [trial.objective for trial in ranked]
    if ranked and baseline is not None:
        values.append(baseline.value)
    limits = _limits(values, direction)
    course = figure.add_subplot(grid[0, :])
    _draw_baseline(course, baseline, limits)
    _draw_course(course, trials, objective, direction, limits)
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        axes = figure.add_subplot(grid[1 + row, column])
        _draw_baseline(axes, baseline, limits)
        _draw_parameter(axes, name, ranked, limits, name in log_scaled)
        if column == 0:
            axes.set_ylabel(objective, color=SOFT, fontsize=9)
    return figure


def _draw_baseline(axes, baseline, limits):
    if baseline is None:
        return
    # At the edge where it is so bad that the trials could not be told apart.
    axes.axhline(
        np.clip(baseline.value, *limits),
        color=SOFT,
        linestyle="--",
        linewidth=1.2,
        zorder=1,
        label=f"{baseline.name} {baseline.value:.4g}",
    )


def _draw_course(axes, trials, objective, direction, limits):
    completed = [
        (number, trial.objective)
        for number, trial in enumerate(trials)
        if trial.status == "completed"
    ]
    failed = [n for n, trial in enumerate(trials) if trial.status == "failed"]
    if completed:
        numbers, values = np.array(completed).T
        pick = np.maximum if direction == "max" else np.minimum
        course = pick.accumulate(values)
        axes.step(
            [*numbers, len(trials) - 1],
            [*course, course[-1]],
            where="post",
            color=ORANGE,
            linewidth=2,
            label="best so far",
        )
        best = numbers[np.flatnonzero(values == course[-1])[0]]
        _scatter(axes, numbers, values, numbers == best, limits)
    if failed:
        axes.plot(
            failed,
            [0.04] * len(failed),
            "x",
            color=RED,
            transform=axes.get_xaxis_transform(),
            label="failed",
        )
    _finish(axes, f"{objective} by trial", limits)
    axes.set_xlim(-0.5, len(trials) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            labels,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            borderaxespad=0.2,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
        )


def _draw_parameter(axes, name, ranked, limits, is_log):
    shown = [trial for trial in ranked if name in trial.values]
    positions, words = _positions([trial.values[name] for trial in shown])
    values = np.array([trial.objective for trial in shown])
    is_best = np.array([trial is ranked[0] for trial in shown])
    _scatter(axes, positions, values, is_best, limits)
    _finish(axes, name, limits)
    if words:
        axes.set_xticks(range(len(words)), words)
        axes.set_xlim(-0.5, len(words) - 0.5)
    elif is_log:
        _set_log_scale(axes, positions)
    elif (positions == np.round(positions)).all():
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _set_log_scale(axes, positions):
    decades = math.log10(positions.max() / positions.min())
    steps = (1, 2, 5) if decades < 1.5 else (1, 3) if decades < 3 else (1,)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()


def _positions(values):
    """Returns where values stand, and the words below, if they are words."""
    if all(isinstance(value, int | float) for value in values) and not any(
        isinstance(value, bool) for value in values
    ):
        return np.array(values, float), None
    words = sorted({_word(value) for value in values})
    places = {word: place for place, word in enumerate(words)}
    return np.array([places[_word(value)] for value in values], float), words


def _word(value):
    return " ".join(value) if isinstance(value, list) else str(value)


def _scatter(axes, x, y, is_best, limits):
    inside = (y >= limits[0]) & (y <= limits[1])
    held = np.clip(y, *limits)
    for mask, colour, size, order in (
        (~is_best, BLUE, 26, 2),
        (is_best, ORANGE, 60, 3),
    ):
        for marker, chosen in (
            ("o", mask & inside),
            ("^", mask & (y > limits[1])),
            ("v", mask & (y < limits[0])),
        ):
            axes.scatter(
                x[chosen],
                held[chosen],
                s=size,
                color=colour,
                marker=marker,
                alpha=0.85,
                linewidths=0,
                zorder=order,
                clip_on=False,
            )


def _limits(values, direction):
    """Returns the objective's axis: from the best to not quite the worst."""
    if not values:
        return 0.0, 1.0
    finite = np.array([v for v in values if math.isfinite(v)])
    first, third = np.percentile(finite, (25, 75))
    reach = 3 * (third - first)
    if reach and direction == "min":
        finite = finite[finite <= third + reach]
    elif reach:
        finite = finite[finite >= first - reach]
    low, high = finite.min(), finite.max()
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _finish(axes, title, limits):
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.set_ylim(*limits)
    axes.tick_params(colors=SOFT, labelsize=8, length=0)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
