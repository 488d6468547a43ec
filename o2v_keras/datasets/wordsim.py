"""WordSim-353 and SimLex-999: human ratings of pairs of words."""

import numpy as np

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from o2v_keras.datasets.data_source import read_checksums

_CHECKSUMS = read_checksums(
    """
f92a022fc2537793a15bc3a8c162ebcd74990e033a228bb6388cb71e4c0b1e1d  wordsim353.tsv
d5e0501971478a511430ee880bd0121e94ac701ba86d90544d83e6d2ba3db05d  simlex999.txt
"""
)
# As Gensim gives them; the pages of WordSim-353 are gone.
_FOLDER = (
    "https://raw.githubusercontent.com/piskvorky/gensim/4.4.0/"
    "gensim/test/test_data/"
)
SOURCE = DataSource(
    name="wordsim",
    title="WordSim-353 and SimLex-999",
    homepage="https://github.com/piskvorky/gensim",
    terms="not stated; Gensim, which gives them, is under LGPL-2.1.",
    checksums=_CHECKSUMS,
    downloads=tuple(
        Download(_FOLDER + file, checksum, (file,))
        for file, checksum in _CHECKSUMS.items()
    ),
)


def load_wordsim353() -> dict[str, list[str] | np.ndarray]:
    """Returns 353 pairs of words and how related they are.

    Returns:
        `in0` and `in1`: words; `label`, float32 `(353,)`: 0 to 10.

    Raises:
        DatasetError: If they are missing and cannot be downloaded.

    Reference:
    - [Finkelstein et al., 2002](https://doi.org/10.1145/503104.503110)
    """
    return _load("wordsim353.tsv")


def load_simlex999() -> dict[str, list[str] | np.ndarray]:
    """Returns 999 pairs of words and how similar they are.

    Unlike in WordSim-353, pairs that are only related have low scores: coast
    and shore are similar, clothes and closet are not.

    Returns:
        `in0` and `in1`: words; `label`, float32 `(999,)`: 0 to 10.

    Raises:
        DatasetError: If they are missing and cannot be downloaded.

    Reference:
    - [Hill et al., 2015](https://aclanthology.org/J15-4004/)
    """
    return _load("simlex999.txt")


def _load(file):
    with SOURCE.open_text(file) as text:
        lines = text.read().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {
        "in0": [row[0] for row in rows],
        "in1": [row[1] for row in rows],
        "label": np.array([row[2] for row in rows], np.float32),
    }
