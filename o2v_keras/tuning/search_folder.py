"""The folders of a search, and what a search that goes on must keep to."""

import json
import os
import pathlib

import keras_tuner

from o2v_keras.storage.damage import read_json
from o2v_keras.storage.output_folder import MARKER
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import write_file
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.tuning.trial_record import BASELINES_FILE
from o2v_keras.tuning.trial_record import FAILURE_FILE

_SEARCH, _DATA = "search.json", "data.json"
_REMEDY = "Put a copy of it back, or search again with `--overwrite`."


def search_folder(path: str | os.PathLike) -> OutputFolder:
    """Returns a search's folder."""
    trial = [f"trial_*/{name}" for name in ("trial.json", FAILURE_FILE)]
    models = ModelDirectory(path).output.files
    # The oracle first: without it the others mean nothing.
    files = [
        "oracle.json",
        _SEARCH,
        _DATA,
        "trials.csv",
        "trials.png",
        BASELINES_FILE,
        *trial,
        *(f"trial_*/model/{name}" for name in (*models, MARKER)),
    ]
    return OutputFolder(path, "directory", "a search", files, _is_older)


def best_model_folder(path: str | os.PathLike) -> OutputFolder:
    """Returns the folder that receives a copy of the best model."""
    output = ModelDirectory(path).output
    output.argument = "best_model_dir"
    return output


def _is_older(folder):
    names = ("search.json", "oracle.json")
    return all((folder / name).is_file() for name in names)


def require_same(folder: pathlib.Path, identity: dict):
    """Stops a search that goes on, or works for a chief, with other words.

    Args:
        folder: The search's folder.
        identity: What must be as it was.

    Raises:
        ValueError: If something differs.
    """
    path = folder / _SEARCH
    saved = read_json(path, _REMEDY)
    # As it will have been written: tuples are lists.
    identity = json.loads(json.dumps(identity))
    differing = [
        name
        for name in {**saved, **identity}
        if saved.get(name) != identity.get(name)
    ]
    if differing:
        raise keras_tuner.errors.FatalValueError(
            f"A search must go on as it began; these differ from {path}: "
            f"{', '.join(differing)}. Search anew in another folder, or with "
            "`overwrite`."
        )


def write_json(path: pathlib.Path, values: dict):
    """Writes a JSON file whole."""
    write_file(path, json.dumps(values, indent=2) + "\n")


def require_same_data(folder: pathlib.Path, digests: dict):
    """Stops a search that goes on with other data.

    Args:
        folder: The search's folder.
        digests: Name of a fingerprint -> fingerprint.

    Raises:
        ValueError: If one differs.
    """
    path = folder / _DATA
    saved = read_json(path, _REMEDY) if path.is_file() else {}
    for name, digest in digests.items():
        if saved.get(name, digest) != digest:
            raise keras_tuner.errors.FatalValueError(
                "A search must go on with the same data, but these have "
                f"changed since it began: {name}. Search anew in another "
                "folder, or with `overwrite`."
            )
    if not {*digests} <= {*saved}:
        write_json(path, {**saved, **digests})
