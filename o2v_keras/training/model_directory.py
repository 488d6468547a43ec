"""The files of a model directory."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.storage.damage import check_archive
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.output_folder import MARKER
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_json
from o2v_keras.text.pair_tokenizers import TOKENIZERS_FILE
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_keras_file

# Files of a training in the order of removal: first those that a killed
# removal must not leave to the next training.
_MODEL = (
    "checkpoint.zip",
    "checkpoint.earlier.zip",
    "mined_negatives.zip",
    "mined_negatives.earlier.zip",
    "best_weights.*.zip",
    "model.keras",
    TOKENIZERS_FILE,
)
_TRAINED = (
    *_MODEL,
    "history.csv",
    "metrics.json",
    "config.json",
    "hyperparameters.json",
    "trained_ids.npz",
    "ensemble.json",
    "logs/train/events.out.tfevents.*",
    "logs/validation/events.out.tfevents.*",
)
_REJECTED = "rejected_rows.*.jsonl"
# Of the training that chose the number of epochs, with rows held out.
_HELD_OUT = "held_out"
_CHOOSER = tuple(f"{_HELD_OUT}/{name}" for name in (*_TRAINED, MARKER))


class ModelDirectory:
    """Names the files of a model directory and writes them atomically.

    Args:
        path: The folder, which `make` creates.
        worker: This process. Defaults to a single worker.

    Example:
    >>> import tempfile
    >>> directory = ModelDirectory(tempfile.mkdtemp())
    >>> directory.metrics.name
    'metrics.json'
    """

    def __init__(
        self, path: str | os.PathLike[str], worker: Worker | None = None
    ):
        self.path = pathlib.Path(path)
        self.output = OutputFolder(
            path,
            "model_dir",
            "a model",
            (*_TRAINED, _REJECTED, *_CHOOSER),
            _is_older,
        )
        self.model = self.path / "model.keras"
        self.config = self.path / "config.json"
        self.hyperparameters = self.path / "hyperparameters.json"
        self.metrics = self.path / "metrics.json"
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint.zip"
        self.earlier_checkpoint = self.path / "checkpoint.earlier.zip"
        self.mined_negatives = self.path / "mined_negatives.zip"
        self.earlier_mined_negatives = self.path / "mined_negatives.earlier.zip"
        self.logs = self.path / "logs"
        self.tokenizers = self.path / TOKENIZERS_FILE
        self.trained_ids = self.path / "trained_ids.npz"
        self.members = self.path / "ensemble.json"
        self.best_weights = BestWeightsFiles(self.path, worker)
        self._worker = worker

    def make(self):
        """Creates the folder if it is missing, and marks it as ours.

        Raises:
            ValueError: If it cannot be created.
        """
        self.output.begin()

    def rejected_rows(self, channel: str) -> pathlib.Path:
        """Returns the file for rejected rows of a channel, such as `train`."""
        return self.path / f"rejected_rows.{channel}.jsonl"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a training can resume here."""
        return self.checkpoint.exists() or self.earlier_checkpoint.exists()

    @property
    def chooser(self) -> "ModelDirectory":
        """The directory of the training that chooses the number of epochs."""
        return ModelDirectory(self.path / _HELD_OUT, self._worker)

    @property
    def is_used(self) -> bool:
        """Whether the folder holds a checkpoint or a model."""
        begun = self.has_checkpoint or self.chooser.has_checkpoint
        return begun or self.model.exists()

    def clear(self):
        """Removes the files of a training, but rejected rows and others.

        Otherwise a run with `overwrite`, killed before its first checkpoint,
        would resume as the training that it replaces.
        """
        self.output.clear(_TRAINED)

    def clear_chooser(self):
        """Removes the training that chose the number of epochs."""
        self.output.clear(_CHOOSER)

    def drop_model(self):
        """Removes the model and the files for resuming."""
        self.output.clear(_MODEL)

    def refuse_model(self, overwrite: bool):
        """Raises `FileExistsError` if a model is there and is to stay."""
        if self.is_used and not overwrite:
            raise FileExistsError(
                f"{self.path} already holds a model. Replace it "
                "(`--overwrite`, `overwrite=True`) or name another "
                "`model_dir`."
            )

    def write_made(self, model: Object2Vec):
        """Writes a model that was made of others, with all that it needs."""
        self.write_config(model.config)
        if model.tokenizers.sides:
            model.tokenizers.save(self.tokenizers)
        self.write_trained_ids(model.trained_ids)
        self.write_model(model)

    def write_config(self, config: Object2VecConfig):
        """Writes `config.json` with all resolved values."""
        write_json(self.config, config.to_dict())

    def write_hyperparameters(self, values: Mapping[str, Any]):
        """Writes `hyperparameters.json`: those that are not defaults."""
        write_json(self.hyperparameters, dict(values))

    def write_metrics(self, report: dict[str, Any]):
        """Writes `metrics.json`."""
        write_json(self.metrics, report)

    def write_members(self, members: list[dict[str, str]]):
        """Writes `ensemble.json`: path and sha256 of each joined model."""
        write_json(self.members, {"models": members})

    def write_model(self, model: Object2Vec):
        """Writes `model.keras`."""
        write_keras_file(model, self.model)

    def write_trained_ids(self, ids: TrainedIds | None):
        """Writes the trained ids if they are known."""
        if ids is not None:
            with replaced_file(self.trained_ids) as new:
                ids.save(new)

    def read_trained_ids(self, config: Object2VecConfig) -> TrainedIds | None:
        """Returns the trained ids; `None` in folders of older versions."""
        if not self.trained_ids.exists():
            return None
        remedy = "Remove it: untrained ids are then unknown."
        with damage_named(self.trained_ids, remedy):
            return TrainedIds.load(self.trained_ids, config)


def _is_older(folder):
    names = ("config.json", "model.keras", "checkpoint.zip")
    config, *trained = (folder / name for name in names)
    return config.is_file() and any(file.is_file() for file in trained)


def load_model(path: str | os.PathLike[str]) -> Object2Vec:
    """Loads a model from a model directory or a `.keras` file.

    Args:
        path: The `model_dir` of `train`, or a `.keras` file.

    Raises:
        ValueError: If the model is missing or is no Object2Vec.
    """
    path = pathlib.Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        hint = ""
        files = ModelDirectory(path)
        if files.has_checkpoint or files.chooser.has_checkpoint:
            hint = " Its training has not ended: continue with `--resume`."
        raise ValueError(
            f"`path` must be a model directory or a .keras file, but there "
            f"is no such file at {file}.{hint} "
            f"Received: path={os.fspath(path)!r}"
        )
    model = _load_keras(file)
    if not isinstance(model, Object2Vec):
        raise ValueError(
            f"`path` must hold an Object2Vec model. Received: {file} with a "
            f"{type(model).__name__}"
        )
    if path.is_dir():
        model.trained_ids = ModelDirectory(path).read_trained_ids(model.config)
    return model


def _load_keras(file):
    remedy = "Restore it from a copy, or train again."
    if ModelDirectory(file.parent).has_checkpoint:
        remedy = (
            "Restore it from a copy, or resume the training, which writes it "
            "again from its checkpoint (`--resume`, `resume=True`)."
        )
    try:
        return keras.models.load_model(file)
    except Exception:
        # A check of the whole file is slow, so only after an error.
        check_archive(file, remedy)
        raise
