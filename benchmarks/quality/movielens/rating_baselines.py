"""What answers without Object2Vec score on the same ratings."""

import importlib.util
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from benchmarks.quality.movielens.splits import FILMS
from benchmarks.quality.movielens.splits import USERS
from benchmarks.quality.movielens.splits import Ratings
from notebooks.sizes import sized
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.baselines import SideBiases

_SAMPLES = sized(512, quick=5)


def baseline_stars(
    train: Ratings, scored: Ratings
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and predicted ratings, `(len(scored),)`.

    Those of Surprise and myFM are left out where these are not installed.
    """
    yield "global mean", np.full(len(scored), train.stars.mean())
    biases = SideBiases(_table(train)).predict(_table(scored))
    yield "user and film biases", np.clip(biases, 1, 5)
    if importlib.util.find_spec("surprise"):
        yield from _surprise(train, scored)
    if importlib.util.find_spec("myfm"):
        for bags in (False, True):
            what = "ids and bags" if bags else "ids"
            yield f"myFM, {what}", _myfm(train, scored, bags)


def _table(ratings):
    return PairTable.from_arrays(
        ratings.users[:, None], ratings.films[:, None], ratings.stars
    )


def _surprise(train, scored):
    import surprise

    data = surprise.Dataset(surprise.Reader(rating_scale=(1, 5)))
    columns = (train.users, train.films, train.stars, [None] * len(train))
    data = data.construct_trainset(list(zip(*columns, strict=True)))
    similarity = {"name": "pearson_baseline", "user_based": False}
    algorithms = {
        "Surprise, item kNN": surprise.KNNBaseline(
            sim_options=similarity, verbose=False
        ),
        "Surprise, SVD": surprise.SVD(random_state=0),
        "Surprise, SVD of 100 factors": surprise.SVD(
            n_factors=100, n_epochs=60, reg_all=0.08, random_state=0
        ),
        "Surprise, SVD++": surprise.SVDpp(random_state=0),
    }
    for name, algorithm in algorithms.items():
        algorithm.fit(data)
        pairs = zip(scored.users, scored.films, strict=True)
        yield name, np.array([algorithm.predict(*pair).est for pair in pairs])


def _myfm(train, scored, bags):
    """Samples a factorization machine of 10 factors by Gibbs sampling.

    Its authors' settings for MovieLens; with bags, a user has the films that
    he rated, over the root of their number, beside his id, and a film its
    raters.
    """
    import myfm

    shape = USERS + 1, FILMS + 1
    ones = np.ones(len(train))
    rated = sp.csr_matrix((ones, (train.users, train.films)), shape)
    sides = []
    for others in (rated, rated.T.tocsr()):
        counts = np.maximum(others.getnnz(axis=1), 1)
        parts = [sp.identity(others.shape[0], format="csr")]
        if bags:
            parts.append(sp.diags(counts**-0.5) @ others)
        sides.append(sp.hstack(parts, format="csr"))

    def blocks(ratings):
        numbers = ratings.users, ratings.films
        pairs = zip(numbers, sides, strict=True)
        return [myfm.RelationBlock(each, side) for each, side in pairs]

    model = myfm.MyFMRegressor(rank=10, random_seed=0)
    model.fit(None, train.stars, X_rel=blocks(train), n_iter=_SAMPLES)
    return np.clip(model.predict(None, blocks(scored)), 1, 5)
