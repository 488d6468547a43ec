"""WordNet 3.0: senses of English words, and their hypernyms."""

import csv
import dataclasses
import gzip
import importlib.resources
import io
import pathlib
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from o2v_keras.storage.temporary_folder import TemporaryFolder

_SYNSETS, _HYPERNYMS = "synsets.tsv.gz", "hypernyms.tsv.gz"
_CHECKSUMS = {
    _SYNSETS: (
        "54b19573394822212cb69060163e83ef825fb029dceb6a47a86354096f02f44d"
    ),
    _HYPERNYMS: (
        "b5d3c761ffbaf041fb042911d860a4d692395e2b3849a464c48b918254e32a4e"
    ),
}
_ARCHIVE_FOLDER = "WordNet-3.0/dict/"
_EXAMPLE = re.compile(r'"([^"]+)(?:"|$)')
# The lexicographer files by their numbers, as `lexnames(5WN)` lists them.
CATEGORIES = tuple(
    """
    adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact
    noun.attribute noun.body noun.cognition noun.communication noun.event
    noun.feeling noun.food noun.group noun.location noun.motive noun.object
    noun.person noun.phenomenon noun.plant noun.possession noun.process
    noun.quantity noun.relation noun.shape noun.state noun.substance
    noun.time verb.body verb.change verb.cognition verb.communication
    verb.competition verb.consumption verb.contact verb.creation
    verb.emotion verb.motion verb.perception verb.possession verb.social
    verb.stative verb.weather adj.ppl
    """.split()
)
DATABASE_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# A hypernym, and the class that an instance belongs to.
_UPWARDS = ("@", "@i")
# An adjective's syntactic marker.
_MARKER = re.compile(r"\((a|p|ip)\)$")
_FIRST_EXAMPLE = re.compile(r';\s*(?=")')


@dataclasses.dataclass(frozen=True)
class Synset:
    """One sense: its words, its category and its definition.

    Args:
        identifier: Part of speech and number, such as `"n00001740"`.
        category: One of WordNet's 45 lexicographer files, such as
            `"noun.animal"`.
        lemmas: Its words, with `_` for a blank.
        definition: Its gloss without examples.
        examples: Sentences and phrases that use its words. Defaults to
            none.
    """

    identifier: str
    category: str
    lemmas: tuple[str, ...]
    definition: str
    examples: tuple[str, ...] = ()


def load_synsets() -> list[Synset]:
    """Returns all 117,659 synsets, those of nouns first.

    32,884 of them have examples.

    Raises:
        DatasetError: If they are missing and cannot be downloaded.

    Reference:
    - Princeton University, WordNet 3.0, https://wordnet.princeton.edu
    """
    with SOURCE.open(_SYNSETS) as stream:
        return [_synset(row) for row in _rows(stream)]


def load_hypernyms() -> list[tuple[str, str]]:
    """Returns the 97,666 pairs of a synset and its hypernym.

    Returns:
        Identifiers of a synset (dog) and of its hypernym, or of the class of
        an instance (canine).

    Raises:
        DatasetError: If they are missing and cannot be downloaded.
    """
    with SOURCE.open(_HYPERNYMS) as stream:
        return [(row["synset"], row["hypernym"]) for row in _rows(stream)]


def load_wordnet_sample() -> dict[str, list[Synset]]:
    """Returns 30,000 synsets of WordNet 3.0, split by synset.

    They come with the package, without examples.

    Returns:
        `train` (about 80 %), `validation` and `test` (about 10 % each) ->
        synsets with distinct definitions. The split is a hash of the
        synset's identifier.

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
        with gzip.open(file) as stream:
            for synset in map(_synset, _rows(stream)):
                splits[_split(synset.identifier)].append(synset)
    return splits


def _rows(stream):
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    return csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)


def _synset(row):
    return Synset(
        row["synset"],
        row["lexname"],
        tuple(row["lemmas"].split(" ")),
        row["definition"],
        tuple(_EXAMPLE.findall(row.get("examples", ""))),
    )


def _split(identifier):
    place = zlib.crc32(identifier.encode()) % 10
    return {8: "validation", 9: "test"}.get(place, "train")


def _unpack(archive, folder):
    """Writes tables from WordNet's own database files."""
    with TemporaryFolder("wordnet") as database:
        with tarfile.open(archive) as files:
            for member in files:
                name = member.name.removeprefix(_ARCHIVE_FOLDER)
                if name in DATABASE_FILES:
                    content = files.extractfile(member).read()
                    (database / name).write_bytes(content)
        synsets = list(read_database(database))
    lines = ["synset\tlexname\tlemmas\tdefinition\texamples"] + [
        "\t".join((s[0], s[1], " ".join(s[2]), s[3], s[4])) for s in synsets
    ]
    _write(folder / _SYNSETS, lines)
    lines = ["synset\thypernym"] + [
        f"{synset.identifier}\t{above}"
        for synset in synsets
        for above in synset.hypernyms
    ]
    _write(folder / _HYPERNYMS, lines)


def _write(path, lines):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)


SOURCE = DataSource(
    name="wordnet",
    title="WordNet 3.0",
    homepage="https://wordnet.princeton.edu",
    terms=(
        "Princeton University: free to use, copy, change and distribute with "
        "its notice."
    ),
    checksums=_CHECKSUMS,
    downloads=(
        Download(
            "https://wordnetcode.princeton.edu/3.0/WordNet-3.0.tar.bz2",
            "6c492d0c7b4a40e7674d088191d3aa11f373bb1da60762e098b8ee2dda96ef22",
            tuple(_CHECKSUMS),
            _unpack,
        ),
    ),
)


class DatabaseSynset(NamedTuple):
    """A line of WordNet's database.

    Args:
        identifier: Part of speech (`n`, `v`, `a` or `r`) and number.
        category: One of `CATEGORIES`.
        lemmas: Its words, with `_` for a blank.
        definition: Its gloss without examples.
        examples: The rest of the gloss, in quotes, `; ` between them.
        hypernyms: Identifiers of the synsets above it.
    """

    identifier: str
    category: str
    lemmas: tuple[str, ...]
    definition: str
    examples: str
    hypernyms: tuple[str, ...]


def read_database(folder: pathlib.Path) -> Iterator[DatabaseSynset]:
    """Reads `data.noun`, `data.verb`, `data.adj` and `data.adv`.

    Args:
        folder: WordNet's `dict`.

    Reference:
    - The manual page `wndb(5WN)`.
    """
    for name in DATABASE_FILES:
        with (folder / name).open(encoding="utf-8") as file:
            for line in file:
                if not line.startswith("  "):  # the licence
                    yield _parsed_synset(line)


def _parsed_synset(line):
    facts, _, gloss = line.partition("|")
    fields = facts.split()
    part = _part(fields[2])
    words = int(fields[3], 16)
    lemmas = fields[4 : 4 + 2 * words : 2]
    pointers = fields[5 + 2 * words :]
    hypernyms = [
        _part(pointers[at + 2]) + pointers[at + 1]
        for at in range(0, 4 * int(fields[4 + 2 * words]), 4)
        if pointers[at] in _UPWARDS
    ]
    definition, examples = _parts_of_gloss(gloss)
    return DatabaseSynset(
        part + fields[0],
        CATEGORIES[int(fields[1])],
        tuple(_MARKER.sub("", lemma) for lemma in lemmas),
        definition,
        examples,
        tuple(hypernyms),
    )


def _part(letter):
    """An adjective's satellites are adjectives."""
    return "a" if letter == "s" else letter


def _parts_of_gloss(gloss):
    gloss = gloss.strip()
    definition, *rest = _FIRST_EXAMPLE.split(gloss, maxsplit=1)
    return definition.rstrip("; "), rest[0] if rest else ""
