"""What is known of words beside their vectors: spelling, senses, glosses."""

import csv
import functools
import gzip
import itertools
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from benchmarks.quality.sentences.tasks import ROWS
from benchmarks.quality.sentences.tasks import data_folder

GLOVE_DIM = 50

# A sense counts for a word's hypernyms too, the less the further up they are.
_UPWARDS = 0.6
_SMALLEST_SHARE = 0.1
_NGRAMS = (2, 3, 4)
# Of inflected words and their lemmas, as in WordNet's own `morphy`.
_ENDINGS = (
    ("ies", "y"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("sses", "ss"),
    ("xes", "x"),
    ("zes", "z"),
    ("men", "man"),
    ("s", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ed", ""),
    ("ed", "e"),
    ("er", ""),
    ("er", "e"),
    ("est", ""),
    ("est", "e"),
)


@functools.cache
def glove() -> dict[str, np.ndarray]:
    """Returns the 50,000 most frequent words of GloVe 6B, in that order."""
    path = data_folder() / "glove" / "glove.6B.50d.top50k.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = (line.split() for line in itertools.islice(file, ROWS))
        return {word: np.array(row, np.float32) for word, *row in rows}


def spelling(words: Iterable[str]) -> sp.csr_matrix:
    """Returns counts of the words' character 2- to 4-grams."""
    return _matrix(Counter(_ngrams(f" {word} ")) for word in words)


def senses(words: Iterable[str]) -> sp.csr_matrix:
    """Returns the words' shares in WordNet's synsets and their hypernyms.

    A word's senses share it evenly, those of all its possible lemmas.
    """
    hypernyms = {}
    for row in _read("hypernyms.tsv.gz"):
        hypernyms.setdefault(row["synset"], []).append(row["hypernym"])
    synsets_of = {}
    for row in _read("synsets.tsv.gz"):
        for lemma in row["lemmas"].casefold().split():
            synsets_of.setdefault(lemma, []).append(row["synset"])

    @functools.cache
    def upwards(synset):
        shares = {synset: 1.0}
        for hypernym in hypernyms.get(synset, ()):
            for above, share in upwards(hypernym).items():
                share *= _UPWARDS
                if share > max(_SMALLEST_SHARE, shares.get(above, 0)):
                    shares[above] = share
        return shares

    def bag(word):
        shares = Counter()
        lemmas = _lemmas(word, synsets_of)
        for lemma in lemmas:
            part = 1 / len(lemmas) / len(synsets_of[lemma])
            for synset in synsets_of[lemma]:
                for above, share in upwards(synset).items():
                    shares[above] += share * part
        return shares

    return _matrix(map(bag, words))


def gloss_vectors(dim: int) -> dict[str, np.ndarray]:
    """Returns vectors of words that WordNet's glosses use alike.

    A truncated singular value decomposition of the TF-IDF matrix of all
    definitions and examples: latent semantic analysis.
    """
    numbers, columns, rows, values = {}, [], [], []
    for row, synset in enumerate(_read("synsets.tsv.gz")):
        names = synset["lemmas"].replace("_", " ").casefold().split()
        gloss = f"{synset['definition']} {synset['examples']}".casefold()
        words = [word.strip(".,;:!?()\"'`") for word in gloss.split()]
        for word, count in Counter(names * 2 + words).items():
            columns.append(numbers.setdefault(word, len(numbers)))
            rows.append(row)
            values.append(np.log1p(count))
    matrix = sp.csr_matrix((values, (rows, columns)))
    matrix = unit_rows(matrix @ sp.diags(rarity(matrix)))
    _, weights, axes = randomized_svd(matrix, dim, n_iter=3, random_state=0)
    return dict(zip(numbers, (axes.T * weights).astype("f4"), strict=True))


def rarity(matrix: sp.csr_matrix) -> np.ndarray:
    """Returns the inverse document frequency of each column."""
    return np.log((matrix.shape[0] + 1) / (matrix.getnnz(axis=0) + 1))


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Returns the matrix with rows of length 1, or of zeros."""
    lengths = sp.linalg.norm(matrix, axis=1)
    return sp.diags(1 / np.maximum(lengths, 1e-9)) @ matrix


def _ngrams(text):
    for length in _NGRAMS:
        for start in range(len(text) - length + 1):
            yield text[start : start + length]


def _lemmas(word, known):
    candidates = [word]
    for ending, lemma_ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word.removesuffix(ending)
            candidates.append(stem + lemma_ending)
            if ending in ("ing", "ed") and stem[-1] == stem[-2]:
                candidates.append(stem[:-1])  # running, stopped
    return [lemma for lemma in dict.fromkeys(candidates) if lemma in known]


def _read(name):
    path = data_folder() / "wordnet" / name
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        yield from itertools.islice(rows, ROWS)


def _matrix(bags: Iterable[Mapping]):
    numbers, columns, values, starts = {}, [], [], [0]
    for bag in bags:
        columns += [numbers.setdefault(key, len(numbers)) for key in bag]
        values += bag.values()
        starts.append(len(columns))
    shape = len(starts) - 1, max(1, len(numbers))
    return sp.csr_matrix((values, columns, starts), shape, dtype=np.float32)
