"""Facts of a model card, and the limits of the model drawn from them."""

import csv
import dataclasses
import json
import os
import pathlib
from typing import Any

from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.training.checkpoint import Checkpoint
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model

_NEAREST = {"dot", "cosine"}
# Metrics that should be high; the others should be low.
_RISING = {
    "accuracy",
    "pairwise_accuracy",
    "cosine_similarity",
    "hits",
    "recall",
    "ndcg",
    "mrr",
}


# Doubts of a training of which the card says more.
_OTHERWISE_SAID = {"baseline", "last epoch"}


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The facts of a model card; empty where a file is missing.

    Args:
        name: Name of the folder.
        config: Hyperparameter -> value, from `config.json`.
        metrics: The content of `metrics.json`.
        epochs: A mapping for each line of `history.csv`, of the training that
            chose the number of epochs if there was one.
        data: Channel -> fingerprint of its rows, from `checkpoint.zip`.
        rejected: Channel -> number of rows that were left out.
        evaluation: What `o2v evaluate` has printed. Defaults to nothing.
        similarity_sign: Of the model (see `heads.similarity`). Defaults to 0.
        export: `export.json` of a published version, and its `bytes`.
            Defaults to nothing.
        indexes: Name -> the content of `index.json`, of the indexes in the
            folder. Defaults to none.
        members: Path and sha256 of the models that an ensemble joins.
            Defaults to none.

    Example:
    >>> import tempfile
    >>> ModelFacts.read(tempfile.mkdtemp()).epochs
    []
    """

    name: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    epochs: list[dict[str, float]]
    data: dict[str, Any]
    rejected: dict[str, int]
    evaluation: dict[str, Any] = dataclasses.field(default_factory=dict)
    similarity_sign: int = 0
    export: dict[str, Any] = dataclasses.field(default_factory=dict)
    indexes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    members: list[dict[str, str]] = dataclasses.field(default_factory=list)

    @classmethod
    def read(
        cls,
        folder: str | os.PathLike[str],
        evaluation: str | os.PathLike[str] | None = None,
        export: str | os.PathLike[str] | None = None,
    ) -> "ModelFacts":
        """Reads what is there.

        Args:
            folder: A model directory.
            evaluation: A JSON file that `o2v evaluate` has printed. Defaults
                to `None`.
            export: Folder of a published version. Defaults to `None`.

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
        metrics = _read(files.metrics, json.loads, {})
        chooser = files.chooser if metrics.get("refit") else files
        return cls(
            files.path.resolve().name,
            config,
            metrics,
            _read(chooser.history, _epochs, []),
            _data(files.checkpoint),
            {
                channel: len(path.read_text("utf-8").splitlines())
                for channel in ("train", "validation", "test")
                if (path := files.rejected_rows(channel)).exists()
            },
            {} if evaluation is None else _evaluation(evaluation),
            _sign(files, config),
            {} if export is None else _export(pathlib.Path(export)),
            {
                file.parent.name: _read(file, json.loads, {})
                for file in sorted(files.path.glob("index-in?/index.json"))
            },
            _read(files.members, json.loads, {}).get("models", []),
        )

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were kept, counted from 0, or `None`."""
        return self.metrics.get("best_epoch")

    @property
    def split(self) -> str | None:
        """The split that measures quality best: test, else validation."""
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


def _export(folder):
    file = folder / "assets.extra" / "export.json"
    if not file.is_file():
        raise ValueError(
            "`export` must be the folder of a version that `o2v export` has "
            f"published, such as served/1. Received: export={folder}"
        )
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return {**_read(file, json.loads, {}), "bytes": size}


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


def model_limits(facts: ModelFacts) -> list[str]:
    """Returns sentences, each drawn from the model directory.

    Args:
        facts: `ModelFacts`.

    Example:
    >>> facts = ModelFacts("m", {}, {}, [], {}, {})
    >>> model_limits(facts)[0]
    'No metrics were found: nothing is known of how good this model is.'
    """
    return [
        *_of_scoring(facts),
        *_of_baselines(facts),
        *_of_training(facts),
        *_of_head(facts),
        *_of_configuration(facts.config),
        *(
            f"{count:,} rows of the {channel} data were unusable and left out."
            for channel, count in facts.rejected.items()
        ),
    ]


def _of_scoring(facts):
    if not facts.metrics:
        yield (
            "No metrics were found: nothing is known of how good this model is."
        )
    elif facts.split is None:
        yield (
            "The model was scored on its training data alone. Nothing is "
            "known of how good it is on others."
        )
    elif facts.split == "validation":
        yield (
            "There was no test data. The validation data that are scored here "
            "also chose the epoch, so the figures flatter."
        )
    if facts.metrics.get("refit") and facts.metrics.get("validation"):
        yield (
            "The validation figures are those of a training without the "
            "validation rows. The model has since been trained on all rows, "
            "those included."
        )
    if facts.metrics and not facts.metrics.get("validation"):
        yield (
            "There was no validation data: the epoch was chosen by the "
            "training loss, which does not see overfitting."
        )


def _of_baselines(facts):
    if facts.split is not None:
        yield from _against_baselines(
            facts.metrics[facts.split],
            facts.metrics.get("baselines", {}).get(facts.split, {}),
            f"the {facts.split} data",
        )
    if facts.evaluation:
        yield from _against_baselines(
            facts.evaluation["metrics"],
            facts.evaluation.get("baselines", {}),
            "the data of `o2v evaluate`",
        )


def _against_baselines(metrics, baselines, data):
    for name, scores in baselines.items():
        for metric in sorted(metrics.keys() & scores.keys() - {"loss"}):
            gain = metrics[metric] - scores[metric]
            rises = metric.split("@")[0] in _RISING
            if (gain if rises else -gain) <= 0:
                yield (
                    f"**Not better than the baseline `{name}`**: "
                    f"{metric} {metrics[metric]:.4f} against "
                    f"{scores[metric]:.4f} on {data}."
                )


def _of_training(facts):
    advice = facts.metrics.get("advice", {})
    for doubt in sorted(advice.keys() - _OTHERWISE_SAID):
        text = advice[doubt]
        yield f"{text[0].upper()}{text[1:]}."
    if facts.best_epoch is None or not facts.epochs:
        return
    last = int(facts.epochs[-1]["epoch"])
    # A cosine has let the learning rate fall to 0 by then.
    falls = facts.config.get("learning_rate_schedule") == "cosine"
    ended = falls and last + 1 >= facts.config.get("epochs", last + 1)
    if facts.best_epoch == last and not ended:
        yield (
            f"The best epoch, {last}, was the last one: longer training may "
            "give a better model."
        )
    losses = [e["val_loss"] for e in facts.epochs if "val_loss" in e]
    if losses and losses[-1] > 1.1 * min(losses):
        yield (
            f"The validation loss rose from {min(losses):.4f} to "
            f"{losses[-1]:.4f} while training went on: the model overfits "
            "after its best epoch, whose weights were kept."
        )


def _of_configuration(config):
    sides = "01"
    if config.get("output_layer") == "embedding":
        sides = config["embedding_side"][-1]
    for number in sides:
        copies = number == "1" and config.get("enc1_network") == "enc0"
        source = "0" if copies else number
        length = config.get(f"enc{source}_max_seq_len")
        size = config.get(f"enc{source}_vocab_size")
        if length and length > 1:
            yield (
                f"Of `in{number}` the first {length:,} ids count; what comes "
                "after them is cut off."
            )
        if size:
            yield (
                f"`in{number}` knows the ids below {size:,}. One that the "
                "training data did not hold has a random vector."
            )
    if config.get("negative_sampling_rate"):
        yield (
            "Negatives were drawn at random "
            f"({config['negative_sampling_rate']} for each record): figures "
            "on data with harder negatives will be lower."
        )


def _of_head(facts):
    heads = ("in_batch_softmax", "cosent", "embedding")
    if facts.config.get("output_layer") in heads:
        return
    comparators = facts.config.get("comparator_list", [])
    if facts.similarity_sign < 0:
        yield (
            f"**Upside down**: this model {UPSIDE_DOWN}. Its neighbors, maps "
            "and rankings by cosine or dot product say the opposite of its "
            "scores. Train it again with `mlp_layers` 0."
        )
    elif comparators and not _NEAREST & {*comparators}:
        yield (
            "The head compares encodings by "
            f"{', '.join(comparators)} and not by dot product or cosine: "
            "nearest neighbours need not be the pairs with the best scores."
        )
    elif _NEAREST & {*comparators} and not facts.similarity_sign:
        yield (
            "The head weighs dot product or cosine beside other things, so "
            "nearest neighbours need not be the pairs with the best scores, "
            "and may be the worst: compare `o2v evaluate --ranking` by "
            "`--score head` and by `--score cosine`."
        )
