"""The files that a training leaves."""

import json
import os
import pathlib
import shutil
import zipfile

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.text.pair_tokenizers import PairTokenizers
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.training.best_weights import BestWeightsFiles
from o2v_keras.training.keras_file import write_keras_file
from o2v_keras.training.worker import Worker


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
        self.model = self.path / "model.keras"
        self.config = self.path / "config.json"
        self.metrics = self.path / "metrics.json"
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint.zip"
        self.mined_negatives = self.path / "mined_negatives.zip"
        self.logs = self.path / "logs"
        self.tokenizers = self.path / "tokenizers"
        self.trained_ids = self.path / "trained_ids.npz"
        self.best_weights = BestWeightsFiles(self.path, worker)

    def make(self):
        """Makes the folder, if it is missing.

        Raises:
            ValueError: If there can be no such folder.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                "`model_dir` must be a folder or the name of a new one. "
                f"Received: model_dir={os.fspath(self.path)!r}: "
                f"{error.strerror}"
            ) from None

    def rejected_rows(self, channel: str) -> pathlib.Path:
        """Where the rejected rows of `train`, `validation` or `test` go."""
        return self.path / f"rejected_rows.{channel}.jsonl"

    @property
    def is_used(self) -> bool:
        """Whether a training has left a checkpoint or a model here."""
        return self.checkpoint.exists() or self.model.exists()

    def clear(self):
        """Removes what a training has left, but for rejected rows.

        Otherwise a run that is to replace another one, and is killed before
        its first checkpoint, would be resumed as that other one.
        """
        for file in (
            self.checkpoint,
            self.mined_negatives,
            self.history,
            self.metrics,
            self.model,
            self.config,
            self.trained_ids,
        ):
            file.unlink(missing_ok=True)
        self.best_weights.forget_others(None)
        for folder in (self.logs, self.tokenizers):
            if folder.exists():
                shutil.rmtree(folder)

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
            partial = self.trained_ids.with_suffix(".partial.npz")
            ids.save(partial)
            os.replace(partial, self.trained_ids)

    def read_trained_ids(self, config: Object2VecConfig) -> TrainedIds | None:
        """Returns which ids are trained; `None` in folders of before."""
        if not self.trained_ids.exists():
            return None
        return TrainedIds.load(self.trained_ids, config)

    def _write_json(self, path, values):
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(values, indent=2) + "\n")
        os.replace(partial, path)


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
    if not zipfile.is_zipfile(file):
        raise ValueError(
            f"{file} is no whole .keras file; it may have been cut off."
        )
    model = keras.models.load_model(file)
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


def tokenizers_folder(path: str | os.PathLike) -> pathlib.Path:
    """Returns where the tokenizers of a model are.

    Args:
        path: A model directory, or a `.keras` file, beside which they may be.
    """
    path = pathlib.Path(path)
    return ModelDirectory(path if path.is_dir() else path.parent).tokenizers
