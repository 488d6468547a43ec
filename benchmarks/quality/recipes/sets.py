"""Data sets of each kind of recipe, as a user has them."""

import dataclasses
from collections.abc import Callable

import numpy as np

from benchmarks.quality.movielens.splits import Ratings
from benchmarks.quality.movielens.splits import Split
from benchmarks.quality.movielens.splits import million_split
from benchmarks.quality.movielens.splits import official_split
from benchmarks.quality.movielens.splits import random_split
from benchmarks.quality.sentences.tasks import TASKS
from notebooks.sizes import sized
from o2v_keras.datasets import groceries
from o2v_keras.datasets import netflix
from o2v_keras.datasets import wordnet
from o2v_keras.pairs import baskets

Columns = dict[str, list | np.ndarray]


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Training data, and test data that no recipe was chosen by.

    Args:
        kind: The recipe that its data should get.
        load: Takes whether test is scored, otherwise validation; returns
            columns of training and of scored pairs.
    """

    kind: str
    load: Callable[[bool], tuple[Columns, Columns]]


def _retrieval(split: Callable[[bool], Split]):
    def load(test):
        both = split(test)
        # A model has no vector for numbers above those that it learned from.
        known = both.scored.films <= both.train.films.max()
        scored = both.scored.take(known)
        return _pairs(both.train, False), _pairs(scored, False)

    return load


def _ratings(name):
    def load(test):
        both = official_split(name, test)
        return _pairs(both.train, True), _pairs(both.scored, True)

    return load


def _pairs(ratings: Ratings, stars: bool) -> Columns:
    label = ratings.stars if stars else np.ones(len(ratings))
    return {"in0": ratings.users, "in1": ratings.films, "label": label}


def _sentences(name):
    def load(test):
        task = TASKS[name]
        parts = task.load("train"), task.load("test" if test else "dev")
        return tuple(dataclasses.asdict(part) for part in parts)

    return load


def _baskets(test):
    shop = groceries.load_baskets()
    names = sorted({name for basket in shop for name in basket})
    ids = {name: number for number, name in enumerate(names, 1)}
    parts = []
    for rows in _parts(len(shop), test):
        lists = [[ids[name] for name in shop[row]] for row in rows]
        made = baskets(lists, rest=True).train
        targets, label = (np.asarray(made[name]) for name in ("in1", "label"))
        parts.append(
            {"in0": made["in0"].to_pylist(), "in1": targets, "label": label}
        )
    return tuple(parts)


def _genres(test):
    titles = netflix.load_titles()
    titles = list({title.description: title for title in titles}.values())
    parts = []
    for rows in _parts(len(titles), test):
        pairs = [
            (titles[row].description, genre)
            for row in rows
            for genre in titles[row].genres
        ]
        parts.append(_texts(pairs))
    return tuple(parts)


def _classes(test):
    """Definitions and the 45 classes of their synsets."""
    rows = wordnet.load_synsets()
    chosen = np.random.default_rng(0).permutation(len(rows))
    chosen = chosen[: sized(12_000, quick=400)]
    pairs = [(rows[row].definition, rows[row].category) for row in chosen]
    return tuple(
        _texts([pairs[row] for row in part])
        for part in _parts(len(pairs), test)
    )


def _examples(test):
    """Examples of use and the definitions that they belong to."""
    rows = [row for row in wordnet.load_synsets() if row.examples]
    chosen = np.random.default_rng(1).permutation(len(rows))
    chosen = chosen[: sized(12_000, quick=400)]
    pairs = [
        ("; ".join(rows[row].examples), rows[row].definition) for row in chosen
    ]
    return tuple(
        _texts([pairs[row] for row in part])
        for part in _parts(len(pairs), test)
    )


def _texts(pairs) -> Columns:
    in0, in1 = map(list, zip(*pairs, strict=True))
    return {"in0": in0, "in1": in1, "label": np.ones(len(in0))}


def _parts(rows, test):
    """A fifth is test; of the others a fifth is validation."""
    order = np.random.default_rng(0).permutation(rows)
    train, held_out = np.split(order, [rows * 4 // 5])
    if test:
        return train, held_out
    return np.split(train, [len(train) * 4 // 5])


SETS = {
    "ml-100k": DataSet("retrieval", _retrieval(random_split)),
    "ml-1m": DataSet("retrieval", _retrieval(million_split)),
    "groceries": DataSet("retrieval", _baskets),
    "examples": DataSet("retrieval", _examples),
    "u1": DataSet("ratings", _ratings("u1")),
    "ua": DataSet("ratings", _ratings("ua")),
    "stsb": DataSet("sentence-similarity", _sentences("stsb")),
    "sick-r": DataSet("sentence-similarity", _sentences("sick-r")),
    "sick-e": DataSet("classification", _sentences("sick-e")),
    "genres": DataSet("label-text", _genres),
    "classes": DataSet("label-text", _classes),
}
