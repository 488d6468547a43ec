"""What is known of a trial, read back from its files."""

import csv
import dataclasses
import json
import os
import pathlib

from o2v_keras.training.model_directory import ModelDirectory

FAILURE_FILE = "failure.txt"
BASELINES_FILE = "baselines.json"


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One trial of a search.

    Args:
        name: Its number, as in the folder's name `trial_NAME`.
        status: `"completed"`, `"failed"` or `"unfinished"`.
        objective: The best epoch's value, or `None`.
        best_epoch: Counted from 0, or `None`.
        epochs: Epochs trained.
        seconds: Time of these epochs.
        values: The values of what is searched, as they held.
        reason: Why it has failed, or an empty text.
        folder: Its model directory.
    """

    name: str
    status: str
    objective: float | None
    best_epoch: int | None
    epochs: int
    seconds: float
    values: dict[str, object]
    reason: str
    folder: pathlib.Path


def read_trials(
    directory: str | os.PathLike, searched: list[str]
) -> list[TrialRecord]:
    """Reads the trials of a search, in the order in which they began.

    Args:
        directory: The search's folder.
        searched: Names of what is searched.

    Raises:
        ValueError: If there is no search in the folder.
    """
    state = pathlib.Path(directory, "oracle.json")
    if not state.is_file():
        raise ValueError(
            "`directory` must hold a search. "
            f"Received: directory={os.fspath(directory)!r}"
        )
    order = json.loads(state.read_text())["start_order"]
    return [_read(directory, name, searched) for name in order]


def read_baselines(directory: str | os.PathLike) -> dict[str, float]:
    """Returns what the objective is without a model, by name.

    Args:
        directory: The search's folder.
    """
    path = pathlib.Path(directory, BASELINES_FILE)
    return json.loads(path.read_text()) if path.is_file() else {}


def _read(directory, name, searched):
    folder = pathlib.Path(directory, f"trial_{name}")
    trial = json.loads((folder / "trial.json").read_text())
    status = trial["status"].lower()
    proposed = trial["hyperparameters"]["values"]
    model = ModelDirectory(folder / "model")
    values = {n: proposed[n] for n in searched if n in proposed}
    if model.config.is_file():
        config = json.loads(model.config.read_text())
        values = {n: config[n] for n in searched if n in proposed}
    epochs = _epochs(model.history)
    failure = folder / FAILURE_FILE
    best = None
    if status == "completed":
        best = json.loads(model.metrics.read_text())["best_epoch"]
    return TrialRecord(
        name=name,
        status=status if status in ("completed", "failed") else "unfinished",
        objective=trial["score"] if status == "completed" else None,
        best_epoch=best,
        epochs=len(epochs),
        seconds=sum(float(epoch["seconds"]) for epoch in epochs),
        values=values,
        reason=failure.read_text() if failure.is_file() else "",
        folder=model.path,
    )


def _epochs(path):
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
