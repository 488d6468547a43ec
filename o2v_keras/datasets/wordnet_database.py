"""WordNet's own database files, as rows of tables."""

import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

# The lexicographer files by their numbers, as `lexnames(5WN)` lists them.
CATEGORIES = (
    "adj.all",
    "adj.pert",
    "adv.all",
    "noun.Tops",
    "noun.act",
    "noun.animal",
    "noun.artifact",
    "noun.attribute",
    "noun.body",
    "noun.cognition",
    "noun.communication",
    "noun.event",
    "noun.feeling",
    "noun.food",
    "noun.group",
    "noun.location",
    "noun.motive",
    "noun.object",
    "noun.person",
    "noun.phenomenon",
    "noun.plant",
    "noun.possession",
    "noun.process",
    "noun.quantity",
    "noun.relation",
    "noun.shape",
    "noun.state",
    "noun.substance",
    "noun.time",
    "verb.body",
    "verb.change",
    "verb.cognition",
    "verb.communication",
    "verb.competition",
    "verb.consumption",
    "verb.contact",
    "verb.creation",
    "verb.emotion",
    "verb.motion",
    "verb.perception",
    "verb.possession",
    "verb.social",
    "verb.stative",
    "verb.weather",
    "adj.ppl",
)

DATABASE_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# A hypernym, and the class that an instance belongs to.
_UPWARDS = ("@", "@i")
# Of an adjective's place: `(a)`, `(p)`, `(ip)`.
_MARKER = re.compile(r"\((a|p|ip)\)$")
_FIRST_EXAMPLE = re.compile(r';\s*(?=")')


class DatabaseSynset(NamedTuple):
    """A line of WordNet's database.

    Args:
        identifier: Part of speech (`n`, `v`, `a` or `r`) and number.
        category: One of `CATEGORIES`.
        lemmas: Its words, `_` standing for a blank.
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
                    yield _synset(line)


def _synset(line):
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
