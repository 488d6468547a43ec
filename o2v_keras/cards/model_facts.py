"""What a model directory tells of its model."""

import csv
import dataclasses
import json
import os
import pathlib

from o2v_keras.models.head import similarity_sign
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The facts of a model card; empty where a file is missing.

    Args:
        name: Name of the folder.
        config: Hyperparameter -> value, from `config.json`.
        metrics: The content of `metrics.json`.
        epochs: A mapping for each line of `history.csv`.
        data: Channel -> fingerprint of its rows, from `checkpoint.zip`.
        rejected: Channel -> number of rows that were left out.
        evaluation: What `o2v evaluate` has printed. Defaults to nothing.
        similarity_sign: Of the model (see `models.head`). Defaults to 0.

    Example:
    >>> import tempfile
    >>> ModelFacts.read(tempfile.mkdtemp()).epochs
    []
    """

    name: str
    config: dict
    metrics: dict
    epochs: list[dict[str, float]]
    data: dict
    rejected: dict[str, int]
    evaluation: dict = dataclasses.field(default_factory=dict)
    similarity_sign: int = 0

    @classmethod
    def read(
        cls,
        folder: str | os.PathLike,
        evaluation: str | os.PathLike | None = None,
    ) -> "ModelFacts":
        """Reads what is there.

        Args:
            folder: A model directory.
            evaluation: A JSON file that `o2v evaluate` has printed. Defaults
                to `None`.

        Raises:
            ValueError: If there is no such folder, or a file in it is not
                whole.
        """
        files = ModelDirectory(folder)
        if not files.path.is_dir():
            raise ValueError(
                "`folder` must be a model directory. "
                f"Received: folder={os.fspath(folder)!r}"
            )
        config = _read(files.config, json.loads, {})
        return cls(
            files.path.resolve().name,
            config,
            _read(files.metrics, json.loads, {}),
            _read(files.history, _epochs, []),
            _data(files.checkpoint),
            {
                channel: len(path.read_text("utf-8").splitlines())
                for channel in ("train", "validation", "test")
                if (path := files.rejected_rows(channel)).exists()
            },
            {} if evaluation is None else _evaluation(evaluation),
            _sign(files, config),
        )

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were kept, counted from 0, or `None`."""
        return self.metrics.get("best_epoch")

    @property
    def split(self) -> str | None:
        """The split that tells most of quality: test, else validation."""
        splits = ("test", "validation")
        return next((s for s in splits if self.metrics.get(s)), None)


def _read(path: pathlib.Path, parse, missing):
    if not path.exists():
        return missing
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not whole: {error}") from None


def _evaluation(path):
    path = pathlib.Path(path)
    content = _read(path, json.loads, None)
    if not isinstance(content, dict) or "metrics" not in content:
        raise ValueError(
            "`evaluation` must be a JSON file of what `o2v evaluate` prints: "
            "`o2v evaluate ... > evaluation.json`. "
            f"Received: evaluation={os.fspath(path)!r}"
        )
    return content


def _sign(files, config):
    """Reads the model only where its head may contradict its embeddings."""
    compares = {"dot", "cosine"} & {*config.get("comparator_list", ())}
    if not compares or not files.model.exists():
        return 0
    return similarity_sign(load_model(files.path))


def _epochs(text):
    rows = csv.DictReader(text.splitlines())
    return [{name: float(value) for name, value in row.items()} for row in rows]


def _data(path):
    if not path.exists():
        return {}
    return Checkpoint(path).state.get("identity", {}).get("data", {})
