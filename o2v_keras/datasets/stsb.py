"""STS benchmark: similarity of English sentences."""

import csv

import numpy as np

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from o2v_keras.datasets.data_source import require_choice

SPLITS = ("train", "dev", "test")

_CHECKSUMS = {
    "stsb-en-train.csv": (
        "e1e84fec60bbb598735552f54a35f4949904a484750fd2cb11e2720e49f63da6"
    ),
    "stsb-en-dev.csv": (
        "d29586e96558c4eb52cf5ea5d14e9c24d3bf0e44f111b017caba43a5adc33226"
    ),
    "stsb-en-test.csv": (
        "11523b625219e94e9ca05d2816b5f02cac1614c5894fe657376fa0806378d053"
    ),
}
_FOLDER = (
    "https://raw.githubusercontent.com/PhilipMay/stsb-multi-mt/"
    "99a65f1b68667f69a57bea13f602c7c9c27a9fcd/data/"
)
SOURCE = DataSource(
    name="stsb",
    title="STS benchmark",
    homepage="https://github.com/PhilipMay/stsb-multi-mt",
    terms="scores CC BY-SA 4.0; the sentences keep those of their sources.",
    checksums=_CHECKSUMS,
    downloads=tuple(
        Download(_FOLDER + file, checksum, (file,))
        for file, checksum in _CHECKSUMS.items()
    ),
)


def load_split(name: str) -> dict[str, list[str] | np.ndarray]:
    """Returns the pairs of a split, in their order.

    Seven of the test pairs are in the training split as well, as published.

    Args:
        name: `"train"` (5,749 pairs), `"dev"` (1,500) or `"test"` (1,379).

    Returns:
        `in0` and `in1`: lists of sentences; `label`, float32 `(rows,)`: 0
        (unlike) to 5 (the same).

    Raises:
        ValueError: If there is no such split.
        DatasetError: If it is missing and cannot be downloaded.

    Reference:
    - [Cer et al., 2017](https://aclanthology.org/S17-2001/)
    """
    require_choice("name", name, SPLITS)
    with SOURCE.open_text(f"stsb-en-{name}.csv") as text:
        in0, in1, scores = zip(*csv.reader(text), strict=True)
    return {
        "in0": list(in0),
        "in1": list(in1),
        "label": np.array(scores, np.float32),
    }
