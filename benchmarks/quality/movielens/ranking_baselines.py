"""Scores of all films for all users without Object2Vec."""

import importlib.util
import os
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from benchmarks.quality.movielens.ranking_scores import watched
from benchmarks.quality.movielens.splits import Split


def baseline_scores(
    split: Split, penalty: float
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and scores, of the split's shape.

    ALS is left out where `implicit` is not installed.

    Args:
        split: Its `train` is learned from.
        penalty: EASE's lambda.
    """
    seen = watched(split.train, split.shape)
    yield "popularity", np.tile(seen.sum(axis=0), (len(seen), 1))
    yield "item cosine kNN", _item_knn(seen)
    yield f"EASE, lambda {penalty}", _ease(seen, penalty)
    if importlib.util.find_spec("implicit"):
        for alpha, penalty in ((2, 0.1), (10, 5.0)):
            name = f"ALS of implicit, alpha {alpha}, penalty {penalty}"
            yield name, _als(seen, alpha, penalty)


def _item_knn(seen):
    lengths = np.linalg.norm(seen, axis=0) + 1e-9
    cosines = seen.T @ seen / lengths / lengths[:, None]
    np.fill_diagonal(cosines, 0)
    return seen @ cosines


def _ease(seen, penalty):
    """Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"."""
    gram = seen.T @ seen + penalty * np.eye(seen.shape[1])
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return seen @ weights


def _als(seen, alpha, penalty):
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        32, regularization=penalty, alpha=alpha, random_state=0
    )
    model.fit(sp.csr_matrix(seen), show_progress=False)
    return model.user_factors @ model.item_factors.T
