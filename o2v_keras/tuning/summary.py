"""Summaries of the trials of a search: a table and a CSV file."""

import csv
import itertools
import os
import textwrap
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from o2v_keras.evaluation.ranking_metrics import aligned_lines
from o2v_keras.storage.replace import replaced_file
from o2v_keras.tuning.trials import TrialRecord

# Number of trials in the table, for the width of a screen.
_SHOWN = 6


class Baseline(NamedTuple):
    """The best baseline.

    Args:
        name: Its name in `metrics.json`.
        value: Its value of the objective.
    """

    name: str
    value: float


def best_baseline(
    baselines: Mapping[str, float], direction: str
) -> Baseline | None:
    """Returns the best baseline, or `None` if there are none.

    Args:
        baselines: Name -> value of the objective.
        direction: `"min"` or `"max"`.

    Example:
    >>> best_baseline({"random": 0.1, "popularity": 0.3}, "max")
    Baseline(name='popularity', value=0.3)
    """
    if not baselines:
        return None
    pick = {"min": min, "max": max}[direction]
    return Baseline(*pick(baselines.items(), key=lambda item: item[1]))


def best_first(
    trials: Sequence[TrialRecord], direction: str
) -> list[TrialRecord]:
    """Returns the completed trials, best first.

    Args:
        trials: `TrialRecord`s.
        direction: `"min"` or `"max"`.
    """
    sign = -1 if direction == "max" else 1
    completed = [trial for trial in trials if trial.status == "completed"]
    return sorted(completed, key=lambda trial: sign * trial.objective)


def trials_table(
    trials: Sequence[TrialRecord],
    objective: str,
    direction: str,
    baseline: Baseline | None = None,
) -> str:
    """Returns a text table of the six best trials, with reasons of failures.

    The last column is the baseline.

    Args:
        trials: `TrialRecord`s.
        objective: Name of the objective.
        direction: `"min"` or `"max"`.
        baseline: `Baseline`. Defaults to `None`: unknown.
    """
    shown = best_first(trials, direction)[:_SHOWN]
    rows = [
        ("trial", *(trial.name for trial in shown)),
        (objective, *(_cell(trial.objective) for trial in shown)),
        ("best epoch", *(_cell(trial.best_epoch) for trial in shown)),
        ("trained epochs", *(_cell(trial.epochs) for trial in shown)),
        ("seconds", *(f"{trial.seconds:.1f}" for trial in shown)),
    ]
    rows += [
        (name, *(_cell(trial.values.get(name)) for trial in shown))
        for name in _searched(trials)
    ]
    if baseline is not None:
        cells = [baseline.name, _cell(baseline.value)]
        rows = [
            (*row, cell)
            for row, cell in itertools.zip_longest(rows, cells, fillvalue="-")
        ]
    lines = aligned_lines(rows) if shown else []
    if shown and baseline is not None:
        gain = shown[0].objective - baseline.value
        if (gain if direction == "max" else -gain) <= 0:
            lines.append(
                f"No trial is better than the baseline {baseline.name}: "
                "narrow the ranges, or look at the data."
            )
    counts = {
        status: sum(trial.status == status for trial in trials)
        for status in ("completed", "failed", "unfinished")
    }
    words = [f"{count} {status}" for status, count in counts.items() if count]
    lines.append(f"{len(trials)} trials: {', '.join(words)}")
    for trial in trials:
        if trial.status == "failed":
            reason = textwrap.shorten(trial.reason, 200, placeholder=" ...")
            lines.append(f"  trial {trial.name} failed: {reason}")
    return "\n".join(lines)


def write_trials(
    path: str | os.PathLike, trials: Sequence[TrialRecord], objective: str
):
    """Writes all trials as CSV, in the order of their start.

    Columns are named after the objective and the searched hyperparameters,
    which are empty if they had no effect.

    Args:
        path: The file.
        trials: `TrialRecord`s.
        objective: Name of the objective.
    """
    searched = _searched(trials)
    names = [
        "trial",
        "status",
        objective,
        "best_epoch",
        "trained_epochs",
        "seconds",
    ]
    with (
        replaced_file(path) as new,
        open(new, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*names, *searched, "reason"])
        for trial in trials:
            writer.writerow(
                [trial.name, trial.status, trial.objective, trial.best_epoch]
                + [trial.epochs, round(trial.seconds, 3)]
                + [trial.values.get(name) for name in searched]
                + [trial.reason]
            )


def _searched(trials):
    """Returns the searched names, in the order of the space."""
    return list(dict.fromkeys(n for trial in trials for n in trial.values))


def _cell(value):
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
