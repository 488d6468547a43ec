"""The pairs that the training benchmarks train on."""

import csv
import dataclasses
import gzip
import os
import pathlib
import re

import numpy as np

from o2v_keras import PairTable
from o2v_keras.data.sequences import Sequences


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Labelled pairs and the sizes that follow from them.

    Args:
        table: `PairTable` with labels.
        vocab_size: Ids are below it.
        description: What it is, in a line.
    """

    table: PairTable
    vocab_size: int
    description: str

    def percentile(self, share: float) -> int:
        """Length that `share` per cent of the sequences do not exceed."""
        lengths = [side.lengths for side in self.table.sides.values()]
        return int(np.ceil(np.percentile(np.concatenate(lengths), share)))


def movielens(folder: pathlib.Path) -> Corpus:
    """The `ua` split of MovieLens-100k: user, film and rating."""
    columns = np.loadtxt(
        folder / "ml-100k" / "ua.base", np.int64, usecols=range(3)
    )
    users, films, ratings = columns.T
    return Corpus(
        PairTable.from_arrays(users[:, None], films[:, None], ratings),
        vocab_size=1684,
        description=f"MovieLens-100k ua.base, {len(users):,} ratings",
    )


def sentence_pairs(folder: pathlib.Path) -> Corpus:
    """STS-B, SICK, and definitions of WordNet beside their hypernyms'.

    Three classes, as SNLI has: a third of the range of similarity, SICK's
    entailment, and for WordNet always 0 (a hypernym follows from its word).
    """
    pairs = [
        *_sts_benchmark(folder / "stsb"),
        *_sick(folder / "sick" / "SICK.txt"),
        *_wordnet(folder / "wordnet"),
    ]
    numbers = {}

    def ids(text):
        words = re.findall(r"\w+|[^\w\s]", text)
        return [numbers.setdefault(word, len(numbers) + 1) for word in words]

    first, second, labels = zip(*pairs, strict=True)
    table = PairTable.from_arrays(
        [ids(text) for text in first], [ids(text) for text in second], labels
    )
    return Corpus(
        table,
        vocab_size=len(numbers) + 1,
        description=(
            f"STS-B, SICK and WordNet definitions, {len(table):,} pairs, "
            f"{len(numbers):,} words"
        ),
    )


def wikipedia_like(pairs: int = 20_000, vocab_size: int = 267_522) -> Corpus:
    """Zipf-distributed words in sentences and the rest of their articles.

    The sizes are those of SageMaker's document-embedding notebook: 267,522
    words; a sentence has 25 words in the mean, an article cut to its first
    200 words 150.
    """
    generator = np.random.default_rng(0)

    def side(shortest, longest):
        lengths = generator.integers(shortest, longest, pairs, endpoint=True)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Sequences(_zipf(generator, vocab_size, offsets[-1]), offsets)

    sentences, articles = side(5, 45), side(100, 200)
    return Corpus(
        PairTable.from_arrays(sentences, articles, np.ones(pairs)),
        vocab_size,
        description=f"synthetic articles, {pairs:,} pairs, Zipf's law",
    )


def data_folder() -> pathlib.Path | None:
    """The folder of corpora that `O2V_DATA_DIR` names, if it does."""
    folder = os.environ.get("O2V_DATA_DIR")
    return pathlib.Path(folder) if folder else None


def _zipf(generator, vocab_size, count):
    """Draws word numbers from 1 with chances in proportion to 1 / number."""
    shares = np.cumsum(1 / np.arange(1, vocab_size))
    places = generator.random(count) * shares[-1]
    return np.searchsorted(shares, places).astype(np.int64) + 1


def _sts_benchmark(folder):
    for path in sorted(folder.glob("stsb-en-*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for first, second, score in csv.reader(file):
                yield (
                    first.lower(),
                    second.lower(),
                    min(int(float(score)) // 2, 2),
                )


def _sick(path):
    classes = {"ENTAILMENT": 0, "NEUTRAL": 1, "CONTRADICTION": 2}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            yield (
                row["sentence_A"].lower(),
                row["sentence_B"].lower(),
                classes[row["entailment_label"]],
            )


def _wordnet(folder):
    definitions = {
        row["synset"]: row["definition"].lower()
        for row in _tab_separated(folder / "synsets.tsv.gz")
    }
    for row in _tab_separated(folder / "hypernyms.tsv.gz"):
        yield definitions[row["synset"]], definitions[row["hypernym"]], 0


def _tab_separated(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
