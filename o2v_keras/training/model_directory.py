"""The files that a training leaves."""

import json
import os
import pathlib

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.storage.damage import check_archive
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.weight_files import BestWeightsFiles
from o2v_keras.training.weight_files import write_keras_file

# What a training writes, in the order in which it is removed: what the next
# one could take for its own first.
_MODEL = (
    "checkpoint.zip",
    "checkpoint.earlier.zip",
    "mined_negatives.zip",
    "mined_negatives.earlier.zip",
    "best_weights.*.zip",
    "model.keras",
    "tokenizers/in[01]/*",
)
_TRAINED = (
    *_MODEL,
    "history.csv",
    "metrics.json",
    "config.json",
    "trained_ids.npz",
    "logs/train/events.out.tfevents.*",
    "logs/validation/events.out.tfevents.*",
)
_REJECTED = "rejected_rows.*.jsonl"


class ModelDirectory:
    """Names the files of a model directory and writes them whole.

    Args:
        path: Folder; `make` makes it.
        worker: This process among those of a training. Defaults to one that
            trains alone.

    Example:
    >>> import tempfile
    >>> directory = ModelDirectory(tempfile.mkdtemp())
    >>> directory.metrics.name
    'metrics.json'
    """

    def __init__(self, path: str | os.PathLike, worker: Worker | None = None):
        self.path = pathlib.Path(path)
        self.output = OutputFolder(
            path, "model_dir", "a model", (*_TRAINED, _REJECTED), _is_older
        )
        self.model = self.path / "model.keras"
        self.config = self.path / "config.json"
        self.metrics = self.path / "metrics.json"
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint.zip"
        self.earlier_checkpoint = self.path / "checkpoint.earlier.zip"
        self.mined_negatives = self.path / "mined_negatives.zip"
        self.earlier_mined_negatives = self.path / "mined_negatives.earlier.zip"
        self.logs = self.path / "logs"
        self.tokenizers = self.path / "tokenizers"
        self.trained_ids = self.path / "trained_ids.npz"
        self.best_weights = BestWeightsFiles(self.path, worker)

    def make(self):
        """Makes the folder, if it is missing, and marks it as ours.

        Raises:
            ValueError: If there can be no such folder.
        """
        self.output.begin()

    def rejected_rows(self, channel: str) -> pathlib.Path:
        """Where the rejected rows of `train`, `validation` or `test` go."""
        return self.path / f"rejected_rows.{channel}.jsonl"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a training can go on here."""
        return self.checkpoint.exists() or self.earlier_checkpoint.exists()

    @property
    def is_used(self) -> bool:
        """Whether a training has left a checkpoint or a model here."""
        return self.has_checkpoint or self.model.exists()

    def clear(self):
        """Removes what a training has left, but for rejected rows.

        Otherwise a run that is to replace another one, and is killed before
        its first checkpoint, would be resumed as that other one. Files of
        others stay.
        """
        self.output.clear(_TRAINED)

    def drop_model(self):
        """Removes the model and what a training goes on from."""
        self.output.clear(_MODEL)

    def write_config(self, config: Object2VecConfig):
        """Writes the configuration with every value in force."""
        self._write_json(self.config, config.to_dict())

    def write_metrics(self, report: dict):
        """Writes the report."""
        self._write_json(self.metrics, report)

    def write_model(self, model: Object2Vec):
        """Writes `model.keras`."""
        write_keras_file(model, self.model)

    def write_trained_ids(self, ids: TrainedIds | None):
        """Writes which ids are trained, if that is known."""
        if ids is not None:
            with replaced_file(self.trained_ids) as new:
                ids.save(new)

    def read_trained_ids(self, config: Object2VecConfig) -> TrainedIds | None:
        """Returns which ids are trained; `None` in folders of before."""
        if not self.trained_ids.exists():
            return None
        remedy = "Remove it: the model then knows of no id that is untrained."
        with damage_named(self.trained_ids, remedy):
            return TrainedIds.load(self.trained_ids, config)

    def _write_json(self, path, values):
        write_file(path, json.dumps(values, indent=2) + "\n")


def _is_older(folder):
    names = ("config.json", "model.keras", "checkpoint.zip")
    config, *trained = (folder / name for name in names)
    return config.is_file() and any(file.is_file() for file in trained)


def load_model(path: str | os.PathLike) -> Object2Vec:
    """Loads a model from a model directory or a `.keras` file.

    It comes with the tokenizers of the sides that hold texts, which are
    beside `model.keras`; a `.keras` file alone has none.

    Args:
        path: What `train` was given as `model_dir`, or a `.keras` file.

    Raises:
        ValueError: If there is no such model, or it is no Object2Vec.
    """
    path = pathlib.Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        hint = ""
        if (path / "checkpoint.zip").is_file():
            hint = " Its training has not ended: go on with `--resume`."
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
    folder = tokenizers_folder(path)
    if path.is_dir() or folder.is_dir():
        model.tokenizers = PairTokenizers.load(folder, model.config)
    if path.is_dir():
        model.trained_ids = ModelDirectory(path).read_trained_ids(model.config)
    return model


def _load_keras(file):
    remedy = "Put a copy of it back, or train again."
    if ModelDirectory(file.parent).has_checkpoint:
        remedy = (
            "Put a copy of it back, or have the training write it again from "
            "its checkpoint with `--resume` (`resume=True`)."
        )
    try:
        return keras.models.load_model(file)
    except Exception:
        # Only a damaged file is read once more as a whole.
        check_archive(file, remedy)
        raise


def tokenizers_folder(path: str | os.PathLike) -> pathlib.Path:
    """Returns where the tokenizers of a model are.

    Args:
        path: A model directory, or a `.keras` file, beside which they may be.
    """
    path = pathlib.Path(path)
    return ModelDirectory(path if path.is_dir() else path.parent).tokenizers
