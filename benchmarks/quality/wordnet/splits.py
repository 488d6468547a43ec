"""WordNet: definitions and examples, words and hypernyms, and their splits."""

import csv
import dataclasses
import gzip
import itertools
import re

import numpy as np
import scipy.sparse as sp

from benchmarks.quality.sentences.tasks import data_folder
from notebooks.sizes import sized

# Texts of test and validation together, test first; links of each.
_TEXTS = sized((10_000, 14_000), quick=(50, 80))
_LINKS = sized(5_000, quick=100)
_ROWS = sized(None, quick=1_000)


@dataclasses.dataclass(frozen=True)
class TextSplit:
    """Definitions and usage examples of synsets, side by side.

    Args:
        train: Pairs to learn from: `in0` and `in1`, lists of str.
        scored: Definitions `in0` are queries, their examples `in1` the
            candidates.
    """

    train: dict[str, list[str]]
    scored: dict[str, list[str]]


def text_split(test: bool, words: bool = True) -> TextSplit:
    """Returns 10,000 synsets for test, or 4,000 of the others.

    The synsets with an example, in the order of the file, are permuted by
    `default_rng(0)`; the first 10,000 are the test, the next 4,000 the
    validation, and the models that are scored on test learn from these too. A
    synset stands with all its examples in one text. Of every synset that is
    not held out, with an example or without, the pair of its definition and
    its words is learned from as well.

    Args:
        test: Whether to score test instead of validation.
        words: Whether to learn from pairs of definitions and words. Defaults
            to `True`.
    """
    rows = list(_rows("synsets.tsv.gz"))
    synsets = [row for row in rows if row["examples"]]
    order = np.random.default_rng(0).permutation(len(synsets))
    drawn = [synsets[number] for number in order]
    tests, last = _TEXTS
    first, last = (0, tests) if test else (tests, last)
    scored, learned = drawn[first:last], drawn[last:]
    held_out = {row["synset"] for row in drawn[:last]}
    named = [row for row in rows if words and row["synset"] not in held_out]
    return TextSplit(
        {
            "in0": [row["definition"] for row in [*learned, *named]],
            "in1": [*map(_examples, learned), *map(_words, named)],
        },
        {
            "in0": [row["definition"] for row in scored],
            "in1": [*map(_examples, scored)],
        },
    )


def all_definitions() -> list[str]:
    """Returns the definitions of all 117,659 synsets."""
    return [row["definition"] for row in _rows("synsets.tsv.gz")]


@dataclasses.dataclass(frozen=True)
class LinkSplit:
    """Synsets and their hypernyms as numbers from 1.

    Args:
        train: int64 `(links, 2)`: synset, hypernym.
        scored: int64 `(links, 2)`.
        synsets: How many numbers there are.
    """

    train: np.ndarray
    scored: np.ndarray
    synsets: int


def link_split(test: bool) -> LinkSplit:
    """Returns 5,000 links for test, or 5,000 of the others for validation.

    A link leads from a synset to what is one to three hypernyms above it.
    WordNet's own links, of one step, in the order of the file, are permuted
    by `default_rng(0)`: the first 5,000 are the test, the next 5,000 the
    validation. All others are to be learned from, among them longer links of
    the same synsets: without these the links are nearly a tree, which falls
    apart where one is taken out, so that nothing is left to tell it by.
    """
    rows = list(_rows("hypernyms.tsv.gz"))
    names = sorted({name for row in rows for name in row.values()})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    links = np.array(
        [(numbers[row["synset"]], numbers[row["hypernym"]]) for row in rows]
    )
    links = links[np.random.default_rng(0).permutation(len(links))]
    test_links, validation_links = links[:_LINKS], links[_LINKS : 2 * _LINKS]
    one = _matrix(links, len(names))
    two = one @ one
    left = one + two + two @ one
    scored = test_links if test else validation_links
    held_out = test_links if test else links[: 2 * _LINKS]
    left -= left.multiply(_matrix(held_out, len(names)))
    left.eliminate_zeros()
    return LinkSplit(np.stack(left.nonzero(), axis=1), scored, len(names))


def _matrix(links, synsets):
    shape = synsets + 1, synsets + 1
    return sp.csr_matrix((np.ones(len(links)), tuple(links.T)), shape)


def _examples(row):
    """The examples of a synset, which stand in quotes, as one text."""
    return "; ".join(re.findall(r'"([^"]+)(?:"|$)', row["examples"]))


def _words(row):
    """The words of a synset as one text."""
    return row["lemmas"].replace("_", " ")


def _rows(name):
    path = data_folder() / "wordnet" / name
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        yield from itertools.islice(rows, _ROWS)
