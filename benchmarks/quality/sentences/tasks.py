"""The three tasks on pairs of sentences, with their official splits."""

import csv
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable

import numpy as np
from scipy.stats import pearsonr
from scipy.stats import spearmanr

from notebooks.sizes import sized

# Of every file of data that is read.
ROWS = sized(None, quick=300)

_ENTAILMENT = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Sentences side by side with their labels.

    Args:
        in0: First sentences.
        in1: Second sentences.
        label: Scores, or classes from 0.
    """

    in0: list[str]
    in1: list[str]
    label: np.ndarray


@dataclasses.dataclass(frozen=True)
class Task:
    """What is predicted, and how it is scored.

    Args:
        name: What the command line calls it.
        metric: Name of the score.
        classes: Number of classes; 0 where scores are predicted.
        load: Split (`"train"`, `"dev"` or `"test"`) -> `Pairs`.
        score: From labels and predictions to the metric.
    """

    name: str
    metric: str
    classes: int
    load: Callable[[str], Pairs]
    score: Callable[[np.ndarray, np.ndarray], float]


def data_folder() -> pathlib.Path:
    """Returns the folder that `O2V_DATA_DIR` names.

    Raises:
        SystemExit: If the variable is not set.
    """
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        raise SystemExit(
            "O2V_DATA_DIR must name the folder with stsb, sick, glove and "
            "wordnet."
        )
    return pathlib.Path(folder)


def _load_stsb(split):
    path = data_folder() / "stsb" / f"stsb-en-{split}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = itertools.islice(csv.reader(file), ROWS)
        in0, in1, scores = zip(*rows, strict=True)
    return Pairs(list(in0), list(in1), np.array(scores, float))


def _load_sick(split, label):
    name = {"train": "TRAIN", "dev": "TRIAL", "test": "TEST"}[split]
    path = data_folder() / "sick" / "SICK.txt"
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [row for row in rows if row["SemEval_set"] == name][:ROWS]
    return Pairs(
        [row["sentence_A"] for row in rows],
        [row["sentence_B"] for row in rows],
        np.array([label(row) for row in rows]),
    )


def _load_relatedness(split):
    return _load_sick(split, lambda row: float(row["relatedness_score"]))


def _load_entailment(split):
    return _load_sick(
        split, lambda row: _ENTAILMENT.index(row["entailment_label"])
    )


def _spearman(labels, scores):
    return spearmanr(labels, scores).statistic


def _pearson(labels, scores):
    return pearsonr(labels, scores).statistic


def _accuracy(labels, probabilities):
    return np.mean(np.argmax(probabilities, axis=1) == labels)


TASKS = {
    task.name: task
    for task in (
        Task("stsb", "Spearman", 0, _load_stsb, _spearman),
        Task("sick-r", "Pearson", 0, _load_relatedness, _pearson),
        Task("sick-e", "accuracy", 3, _load_entailment, _accuracy),
    )
}
