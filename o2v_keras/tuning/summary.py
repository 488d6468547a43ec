"""Writes the trials of a search: a table, a CSV file, and HParams."""

import csv
import itertools
import os
import textwrap
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb

from o2v_keras.evaluation.ranking_metrics import aligned_lines
from o2v_keras.storage.replace import replaced_file
from o2v_keras.tuning.trials import TrialRecord

# Number of trials in the table, for the width of a screen.
_SHOWN = 6


class Baseline(NamedTuple):
    """The best baseline.

    Args:
        name: Its name in `metrics.json`.
        value: The objective's value.
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

    def rank(trial: Any) -> float:
        return sign * trial.objective

    return sorted(completed, key=rank)


def trials_table(
    trials: Sequence[TrialRecord],
    objective: str,
    direction: str,
    baseline: Baseline | None = None,
) -> str:
    """Shows the six best trials side by side, and why others failed.

    The last column is the baseline: a trial that is no better has learned
    nothing useful.

    Args:
        trials: `TrialRecord`s.
        objective: Name of the objective.
        direction: `"min"` or `"max"`.
        baseline: The best answer without a model. Defaults to `None`: not
            known.

    Returns:
        Lines of text.
    """
    shown = best_first(trials, direction)[:_SHOWN]
    columns = [_facts(trial, objective, trials) for trial in shown]
    rows = [
        (name, *(_cell(column[name]) for column in columns))
        for name in next(iter(columns), {})
        if name != "status"
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
    path: str | os.PathLike[str], trials: Sequence[TrialRecord], objective: str
) -> None:
    """Writes all trials as CSV, in the order of their start.

    Objective and searched hyperparameters have columns of their names. A
    hyperparameter's column is empty where it had no effect.

    Args:
        path: The file to write or replace.
        trials: `TrialRecord`s.
        objective: Name of the objective.
    """
    with (
        replaced_file(path) as new,
        open(new, "w", newline="", encoding="utf-8") as file,
    ):
        rows = [
            {**_facts(trial, objective, trials), "reason": trial.reason}
            for trial in trials
        ]
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_hparams(
    folder: str | os.PathLike[str],
    name: str,
    values: Mapping[str, Any],
    completed: bool,
) -> None:
    """Writes the row of a trial in TensorBoard's table HPARAMS.

    TensorBoard takes the row's metrics from the logs below the folder.

    Args:
        folder: The trial's folder; it must exist.
        name: Name of the trial.
        values: Searched hyperparameter -> value in force.
        completed: Whether the trial was completed; otherwise it failed.
    """
    shown = {
        name: value if isinstance(value, int | float | str) else str(value)
        for name, value in values.items()
    }
    status = api_pb2.STATUS_SUCCESS if completed else api_pb2.STATUS_FAILURE
    with tf.summary.create_file_writer(os.fspath(folder)).as_default():
        for part in (
            hparams.hparams_pb(shown, trial_id=name),
            session_end_pb(status),
        ):
            tf.summary.experimental.write_raw_pb(
                part.SerializeToString(), step=0
            )


def _facts(trial, objective, trials):
    """Heading -> value; all that is searched in any of the trials."""
    searched = dict.fromkeys(name for t in trials for name in t.values)
    return {
        "trial": trial.name,
        "status": trial.status,
        objective: trial.objective,
        "best_epoch": trial.best_epoch,
        "trained_epochs": trial.epochs,
        "seconds": round(trial.seconds, 3),
        **{name: trial.values.get(name) for name in searched},
    }


def _cell(value):
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
