"""Smaller embeddings of definitions: trained prefixes, others, and PCA."""

import numpy as np

from benchmarks.quality.wordnet.definitions import METRICS as RANK_METRICS
from benchmarks.quality.wordnet.definitions import encode
from benchmarks.quality.wordnet.definitions import rank_scores
from benchmarks.quality.wordnet.definitions import train_texts
from benchmarks.quality.wordnet.definitions import unit
from benchmarks.quality.wordnet.splits import TextSplit
from o2v_keras import Object2Vec
from o2v_keras.evaluation.inference import embed

DIMS = (64, 128)
METRICS = ("recall@10 of own neighbours", *RANK_METRICS)
_TOP = 10
_QUERIES = 500


def scores(
    split: TextSplit, definitions: list[str], seed: int, **changes
) -> dict[str, list[float]]:
    """Trains with `matryoshka_dims` and without; scores both by width.

    Args:
        split: `TextSplit`.
        definitions: Texts among which neighbours are sought.
        seed: Of both models.
        **changes: Fields of the recipe to exchange.

    Returns:
        Name of a row -> `METRICS`. The first is the share of the ten nearest
        neighbours by whole encodings of the same model that the smaller
        embeddings find, by cosine, over 500 definitions.
    """
    rows = {}
    for name, dims in (("trained", DIMS), ("untrained", ())):
        model = train_texts(split, seed, **changes, matryoshka_dims=dims)
        rows |= width_rows(name, model, split, definitions)
    return rows


def width_rows(
    name: str, model: Object2Vec, split: TextSplit, definitions: list[str]
) -> dict[str, list[float]]:
    """Returns the rows of `scores` for one model.

    Args:
        name: Begins the rows' names.
        model: PCA is computed if it was trained for no prefix.
        split: `TextSplit`.
        definitions: Texts among which neighbours are sought.
    """
    whole = embed(model, "in0", {"in0": definitions})
    pair, own = encode(model, split), _nearest(whole)
    rows = {
        f"{name}, whole encodings of {whole.shape[1]}": _row(own, own, pair)
    }
    for dim in DIMS:
        cut = [each[:, :dim] for each in pair]
        rows[f"{name} prefix of {dim}"] = _row(
            _nearest(whole[:, :dim]), own, cut
        )
        if not model.config.matryoshka_dims:
            project = _pca(whole, dim)
            found = _nearest(project(whole))
            projected = [project(each) for each in pair]
            rows[f"PCA to {dim}"] = _row(found, own, projected)
    return rows


def _row(found, own, pair):
    shared = [len({*a} & {*b}) / _TOP for a, b in zip(found, own, strict=True)]
    return [np.mean(shared), *rank_scores(pair)]


def _nearest(vectors):
    units = unit(vectors)
    rng = np.random.default_rng(0)
    queries = rng.choice(len(units), min(_QUERIES, len(units)), replace=False)
    cosines = units[queries] @ units.T
    cosines[np.arange(len(queries)), queries] = -np.inf
    return np.argpartition(-cosines, _TOP, axis=1)[:, :_TOP]


def _pca(vectors, dim):
    """Returns the projection of unit vectors on their first components."""
    units = unit(vectors)
    mean = units.mean(axis=0)
    _, components = np.linalg.eigh(np.cov(units.T))
    components = components[:, ::-1][:, :dim]
    return lambda each: (unit(each) - mean) @ components
