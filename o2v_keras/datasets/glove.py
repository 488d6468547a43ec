"""GloVe: vectors of English words."""

import gzip
import itertools
import pathlib
import zipfile

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download

DIM = 50

_WORDS = 50_000
_FILE = "glove.6B.50d.top50k.txt.gz"


def vector_file() -> pathlib.Path:
    """Returns the file of the 50,000 most frequent words of GloVe 6B.

    `enc0_pretrained_embedding_file` takes it. It is text, packed with gzip:
    each line is a word and its 50 numbers, the most frequent words first. If
    it is missing, it is made from Stanford's archive of 862 MB.

    Raises:
        DatasetError: If it is missing and cannot be downloaded.

    Reference:
    - [Pennington et al., 2014](https://aclanthology.org/D14-1162/)
    """
    return SOURCE.path(_FILE)


def _unpack(archive, folder):
    with (
        zipfile.ZipFile(archive) as files,
        files.open("glove.6B.50d.txt") as lines,
        gzip.GzipFile(folder / _FILE, "wb") as file,
    ):
        file.writelines(itertools.islice(lines, _WORDS))


SOURCE = DataSource(
    name="glove",
    title="GloVe 6B",
    homepage="https://nlp.stanford.edu/projects/glove/",
    terms="PDDL 1.0.",
    # Numbers are written with more or fewer digits.
    checksums={_FILE: None},
    downloads=(
        Download(
            "https://nlp.stanford.edu/data/glove.6B.zip",
            "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
            (_FILE,),
            _unpack,
        ),
    ),
)
