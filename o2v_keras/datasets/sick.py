"""SICK: relatedness and entailment of English sentences."""

import csv

import numpy as np

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from o2v_keras.datasets.data_source import require_choice

SPLITS = ("train", "trial", "test")
# In the order of their labels.
CLASSES = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")
LABELS = ("relatedness", "entailment")

_FILE = "SICK.txt"
_SHA256 = "1539c2d059809b5bd40694e26d8121cc85b6b496f91c7b40f2fc83bbd7dcd957"
SOURCE = DataSource(
    name="sick",
    title="SICK",
    homepage="https://zenodo.org/records/2787612",
    terms="CC BY-NC-SA 3.0.",
    checksums={_FILE: _SHA256},
    # The authors' release, as a file by itself.
    downloads=(
        Download(
            "https://raw.githubusercontent.com/kkalouli/SICK-processing/"
            "b55cf253c6ae9f5b5c9b287184e34147a5d7fc67/SICK.txt",
            _SHA256,
            (_FILE,),
        ),
    ),
)


def load_split(
    name: str, label: str = "relatedness"
) -> dict[str, list[str] | np.ndarray]:
    """Returns the pairs of a split, in their order.

    This is the release `SICK.txt` of 9,840 pairs, not SemEval's files, which
    hold 9,927.

    Args:
        name: `"train"` (4,439 pairs), `"trial"` (495) or `"test"` (4,906).
        label: `"relatedness"`, 1 to 5, or `"entailment"`, a number in
            `CLASSES`. Defaults to `"relatedness"`.

    Returns:
        `in0` and `in1`: lists of sentences; `label`: float32 `(rows,)`.

    Raises:
        ValueError: If there is no such split or label.
        DatasetError: If it is missing and cannot be downloaded.

    Reference:
    - [Marelli et al., 2014](https://aclanthology.org/L14-1314/)
    """
    require_choice("name", name, SPLITS)
    require_choice("label", label, LABELS)
    with SOURCE.open_text(_FILE) as text:
        rows = csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [row for row in rows if row["SemEval_set"] == name.upper()]
    if label == "relatedness":
        labels = [float(row["relatedness_score"]) for row in rows]
    else:
        labels = [CLASSES.index(row["entailment_label"]) for row in rows]
    return {
        "in0": [row["sentence_A"] for row in rows],
        "in1": [row["sentence_B"] for row in rows],
        "label": np.array(labels, np.float32),
    }
