"""Writes the model directory of an ensemble."""

import hashlib
import os
import pathlib
from collections.abc import Sequence

from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model


def ensemble(
    models: Sequence[str | os.PathLike[str]],
    model_dir: str | os.PathLike[str],
    overwrite: bool = False,
) -> Object2Vec:
    """Joins trained models to one, whose scores are the mean of theirs.

    `make_ensemble` says which models it takes and how. The ensemble is as
    large as its models together, and encodings are as wide. Fold new objects
    into the models before they are joined: an ensemble has no table to grow.

    Args:
        models: Two or more model directories or `.keras` files.
        model_dir: Folder for the ensemble: a new or empty one.
        overwrite: bool. Whether a model that is there is replaced. Defaults
            to `False`.

    Returns:
        The ensemble, as `load_model(model_dir)` loads it.

    Raises:
        FileExistsError: If the folder holds a model and is not to be
            overwritten.
        ValueError: If a model is missing, the models cannot be joined, or
            the folder holds other files.
    """
    directory = ModelDirectory(model_dir)
    directory.output.check()
    directory.refuse_model(overwrite)
    if any(_is_same(path, directory.path) for path in models):
        raise ValueError(
            "`model_dir` must be another folder than those of `models`. "
            f"Received: model_dir={os.fspath(model_dir)!r}"
        )
    made = make_ensemble([load_model(path) for path in models])
    with directory.output.replaced() as folder:
        new = ModelDirectory(folder)
        new.write_members([_member(path) for path in models])
        new.write_made(made)
    return made


def _is_same(path, folder):
    return pathlib.Path(path).resolve() in (
        folder.resolve(),
        folder.resolve() / "model.keras",
    )


def _member(path):
    path = pathlib.Path(path)
    file = path / "model.keras" if path.is_dir() else path
    with open(file, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"path": os.fspath(path), "sha256": digest}
