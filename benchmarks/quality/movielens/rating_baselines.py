"""What answers without Object2Vec score on the same ratings."""

import importlib.util
from collections.abc import Iterator

import numpy as np

from benchmarks.quality.movielens.splits import Ratings
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.baselines import SideBiases


def baseline_stars(
    train: Ratings, scored: Ratings
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and predicted ratings, `(len(scored),)`.

    Those of Surprise are left out where it is not installed.
    """
    yield "global mean", np.full(len(scored), train.stars.mean())
    biases = SideBiases(_table(train)).predict(_table(scored))
    yield "user and film biases", np.clip(biases, 1, 5)
    if importlib.util.find_spec("surprise"):
        yield from _surprise(train, scored)


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
