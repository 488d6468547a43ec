"""The files of a search."""

import csv
import dataclasses
import json
import os
import pathlib
from typing import Any

import keras_tuner

from o2v_keras.storage.damage import read_json
from o2v_keras.storage.output_folder import MARKER
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import write_json
from o2v_keras.training.model_directory import ModelDirectory

FAILURE_FILE = "failure.txt"
BASELINES_FILE = "baselines.json"
_SEARCH, _DATA = "search.json", "data.json"
_REMEDY = "Restore it from a copy, or search again with `--overwrite`."


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One trial of a search.

    Args:
        name: Its number in the folder's name `trial_NAME`.
        status: `"completed"`, `"failed"` or `"unfinished"`.
        objective: The best epoch's value, or `None`.
        best_epoch: Counted from 0, or `None`.
        epochs: Number of trained epochs.
        seconds: Time of these epochs.
        values: Searched hyperparameter -> value in force.
        reason: Why it failed, or `""`.
        folder: Its model directory.
    """

    name: str
    status: str
    objective: float | None
    best_epoch: int | None
    epochs: int
    seconds: float
    values: dict[str, Any]
    reason: str
    folder: pathlib.Path


def plain_value(value: object) -> object:
    """Returns a hyperparameter's value, a list as one text.

    Example:
    >>> plain_value(("hadamard", "concat")), plain_value(0.5)
    ('hadamard,concat', 0.5)
    """
    return ",".join(value) if isinstance(value, list | tuple) else value


def read_trials(
    directory: str | os.PathLike[str], searched: list[str]
) -> list[TrialRecord]:
    """Reads the trials of a search in the order of their start.

    Args:
        directory: The search's folder.
        searched: Names of the searched hyperparameters.

    Raises:
        ValueError: If the folder holds no search.
    """
    state = pathlib.Path(directory, "oracle.json")
    if not state.is_file():
        raise ValueError(
            "`directory` must hold a search. "
            f"Received: directory={os.fspath(directory)!r}"
        )
    order = json.loads(state.read_text())["start_order"]
    return [_read(directory, name, searched) for name in order]


def read_baselines(directory: str | os.PathLike[str]) -> dict[str, float]:
    """Returns the objective of the baselines: name -> value.

    Args:
        directory: The search's folder.
    """
    path = pathlib.Path(directory, BASELINES_FILE)
    return json.loads(path.read_text()) if path.is_file() else {}


def _value(config, name):
    """Returns a hyperparameter, or the `units` of `enc0_options.units`."""
    field, _, option = name.partition(".")
    return config[field].get(option) if option else config[field]


def _read(directory, name, searched):
    folder = pathlib.Path(directory, f"trial_{name}")
    trial = json.loads((folder / "trial.json").read_text())
    status = trial["status"].lower()
    proposed = trial["hyperparameters"]["values"]
    model = ModelDirectory(folder / "model")
    values = {n: proposed[n] for n in searched if n in proposed}
    if model.config.is_file():
        config = json.loads(model.config.read_text())
        values = {
            name: plain_value(_value(config, name))
            for name in searched
            if name in proposed
        }
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


def search_folder(path: str | os.PathLike[str]) -> OutputFolder:
    """Returns the folder of a search, for writing."""
    trial = [f"trial_*/{name}" for name in ("trial.json", FAILURE_FILE)]
    models = ModelDirectory(path).output.files
    # Removed in this order: without the oracle the others are ignored.
    files = [
        "oracle.json",
        _SEARCH,
        _DATA,
        "trials.csv",
        "trials.png",
        BASELINES_FILE,
        *trial,
        "trial_*/events.out.tfevents.*",
        *(f"trial_*/model/{name}" for name in (*models, MARKER)),
    ]
    return OutputFolder(path, "directory", "a search", files, _is_older)


def best_model_folder(path: str | os.PathLike[str]) -> OutputFolder:
    """Returns the folder for a copy of the best model."""
    output = ModelDirectory(path).output
    output.argument = "best_model_dir"
    return output


def _is_older(folder):
    names = ("search.json", "oracle.json")
    return all((folder / name).is_file() for name in names)


def require_same(folder: pathlib.Path, identity: dict[str, Any]):
    """Refuses to resume or share a search with other arguments.

    Args:
        folder: The search's folder.
        identity: JSON dict of the settings.

    Raises:
        FatalValueError: If something differs.
    """
    path = folder / _SEARCH
    saved = read_json(path, _REMEDY)
    # JSON turns tuples into lists.
    identity = json.loads(json.dumps(identity))
    differing = [
        name
        for name in {**saved, **identity}
        if saved.get(name) != identity.get(name)
    ]
    if differing:
        raise keras_tuner.errors.FatalValueError(
            "A search must be resumed with its arguments; these differ from "
            f"{path}: {', '.join(differing)}. Start a search in another "
            "folder, or set `overwrite`."
        )


def require_same_data(folder: pathlib.Path, digests: dict[str, Any]):
    """Refuses to resume a search with other data.

    Args:
        folder: The search's folder.
        digests: Result of `fingerprints`.

    Raises:
        FatalValueError: If one differs.
    """
    path = folder / _DATA
    saved = read_json(path, _REMEDY) if path.is_file() else {}
    for name, digest in digests.items():
        if saved.get(name, digest) != digest:
            raise keras_tuner.errors.FatalValueError(
                "A search must be resumed with its data, but these have "
                f"changed since its start: {name}. Start a search in another "
                "folder, or set `overwrite`."
            )
    if not {*digests} <= {*saved}:
        write_json(path, {**saved, **digests})
