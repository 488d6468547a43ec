"""The WordNet sample that comes with the package."""

import csv
import dataclasses
import gzip
import importlib.resources
import zlib


@dataclasses.dataclass(frozen=True)
class Synset:
    """One sense: what it is called, what kind of thing it is, what it means.

    Args:
        identifier: Part of speech and number, such as `"n00001740"`.
        category: One of WordNet's 45 lexicographer files, such as
            `"noun.animal"`.
        lemmas: Its words, `_` standing for a blank.
        definition: Its gloss without examples.
    """

    identifier: str
    category: str
    lemmas: tuple[str, ...]
    definition: str


def load_wordnet_sample() -> dict[str, list[Synset]]:
    """Returns 30,000 synsets of WordNet 3.0, split by synset.

    Returns:
        `train` (about 80 %), `validation` and `test` (about 10 % each) ->
        synsets with distinct definitions. A synset's split follows from its
        identifier alone.

    Example:
    >>> splits = load_wordnet_sample()
    >>> {name: len(synsets) for name, synsets in splits.items()}
    {'train': 23988, 'validation': 3061, 'test': 2951}

    Reference:
    - Princeton University, WordNet 3.0, https://wordnet.princeton.edu; the
      licence lies beside the data.
    """
    folder = importlib.resources.files("o2v_keras.datasets") / "samples"
    splits = {"train": [], "validation": [], "test": []}
    with (folder / "wordnet.tsv.gz").open("rb") as file:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            for row in csv.DictReader(
                text, delimiter="\t", quoting=csv.QUOTE_NONE
            ):
                synset = Synset(
                    row["synset"],
                    row["lexname"],
                    tuple(row["lemmas"].split(" ")),
                    row["definition"],
                )
                splits[_split(synset.identifier)].append(synset)
    return splits


def _split(identifier):
    place = zlib.crc32(identifier.encode()) % 10
    return {8: "validation", 9: "test"}.get(place, "train")
