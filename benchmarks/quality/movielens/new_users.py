"""Films and stars for users that training has not seen, folded in."""

import tempfile
from collections.abc import Iterator

import numpy as np

from benchmarks.quality.movielens.retrieval import CONFIG
from benchmarks.quality.movielens.retrieval import RECIPES
from benchmarks.quality.movielens.retrieval import train_bags
from benchmarks.quality.movielens.splits import Ratings
from benchmarks.quality.movielens.splits import Split
from notebooks.sizes import sized
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.fold_in import fold_in
from o2v_keras.training.instant_fold_in import InstantFoldIn
from o2v_keras.training.instant_fold_in import fold_in_instantly
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train

# One id a side.
_CHANGES = {
    "enc0_max_seq_len": 1,
    "exclude_query_tokens": False,
    "enc_dim": 64,
    "learning_rate": 0.01,
    "mini_batch_size": 1024,
    "epochs": sized(10, quick=1),
}


def score_new_users(
    split: Split, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields ways to fold in, and scores of all films for the new users.

    Args:
        split: Users with held-out ratings are new, and have the largest
            numbers.
        seed: Of the models.
    """
    films = split.shape[1]
    users, rows = np.unique(split.scored.users), split.train
    known = rows.take(rows.users < users.min())
    films_of = {u: rows.films[rows.users == u] for u in users}
    everything = np.arange(1, films)[:, None]

    def scores(vectors, model=None, table=None):
        table = embed(model, "in1", {"in1": everything}) if model else table
        found = np.zeros(split.shape, np.float32)
        found[users, 1:] = vectors @ table.T
        return found

    counts = np.bincount(known.films, minlength=films)[1:, None]
    yield "popularity", scores(np.ones((len(users), 1)), table=counts)
    sizes = {"enc0_vocab_size": int(users.min())}
    sizes |= {"enc1_vocab_size": films, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        old = _train(CONFIG | _CHANGES | sizes, known, f"{folder}/old")
        table = embed(old, "in1", {"in1": everything})
        means = [table[films_of[user] - 1].mean(axis=0) for user in users]
        yield "mean of the films' vectors", scores(np.stack(means), old)
        fold = InstantFoldIn(old, "in0")
        instant = [fold(_pairs(films_of[user])) for user in users]
        yield "`o2v fold-in --instant`", scores(np.stack(instant), old)
        trained = fold_in(
            f"{folder}/old",
            _user_pairs(rows),
            model_dir=f"{folder}/new",
            verbose=0,
        ).model
        vectors = embed(trained, "in0", {"in0": users[:, None]})
        yield "`o2v fold-in`, 10 epochs", scores(vectors, trained)
        sizes["enc0_vocab_size"] = int(users.max()) + 1
        again = _train(CONFIG | _CHANGES | sizes, rows, f"{folder}/all")
        vectors = embed(again, "in0", {"in0": users[:, None]})
        yield "trained with them", scores(vectors, again)
    # The bag's films are single ids of the other side.
    bags = train_bags(RECIPES["retrieval"], Split(known, rows), seed)
    fold = InstantFoldIn(bags, "in0")
    vectors = [fold(_pairs(films_of[user])) for user in users]
    yield "a model of bags, nothing to fold in", scores(np.stack(vectors), bags)


def rate_for_new_users(
    split: Split, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields ways to fold in, and the stars of the scored rows.

    Args:
        split: As for `score_new_users`.
        seed: Of the models, which the recipe `ratings` makes.
    """
    first, rows = split.scored.users.min(), split.train
    known = rows.take(rows.users < first)
    # A new user's films must be known.
    rows = rows.take(np.isin(rows.films, known.films))
    new = _rated(rows.take(rows.users >= first))
    with tempfile.TemporaryDirectory() as folder:

        def made(name, ratings):
            return train(
                {"seed": seed, "enc1_vocab_size": split.shape[1]},
                _rated(ratings),
                recipe="ratings",
                model_dir=f"{folder}/{name}",
                verbose=0,
            ).model

        def stars(model):
            found = predict_scores(model, _rated(split.scored))[:, 0]
            return np.clip(found, 1, 5)

        made("old", known)
        for name, fold, directory in (
            ("`o2v fold-in --instant`", fold_in_instantly, "instant"),
            ("`o2v fold-in`", fold_in, "trained"),
        ):
            path = f"{folder}/{directory}"
            fold(f"{folder}/old", new, model_dir=path, verbose=0)
            yield name, stars(load_model(path))
        yield "trained with them", stars(made("all", rows))


def _rated(ratings):
    return {
        "in0": ratings.users[:, None],
        "in1": ratings.films[:, None],
        "label": ratings.stars,
    }


def _train(hyperparameters: dict, ratings: Ratings, folder: str) -> Object2Vec:
    return train(
        hyperparameters, _user_pairs(ratings), model_dir=folder, verbose=0
    ).model


def _user_pairs(ratings):
    return {"in0": ratings.users[:, None], **_pairs(ratings.films)}


def _pairs(films):
    return {"in1": films[:, None], "label": np.ones(len(films))}
