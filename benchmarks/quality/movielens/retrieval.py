"""Films for users: the recipes, their training, their scores."""

import dataclasses
from collections.abc import Callable

import numpy as np

from benchmarks.quality.movielens.splits import Ratings
from benchmarks.quality.movielens.splits import Split
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import Source
from o2v_keras.data.sequences import Sequences
from o2v_keras.evaluation.inference import embed
from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.pairs import interactions

CONFIG = {
    "enc0_network": "pooled_embedding",
    "enc1_network": "pooled_embedding",
    "enc1_max_seq_len": 1,
    "output_layer": "in_batch_softmax",
    "exclude_query_tokens": True,
    "similarity": "dot",
    "temperature": 1.0,
    "learning_rate_schedule": "cosine",
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How films for users are learned.

    Args:
        changes: Fields of `CONFIG` to add.
        records: Takes the ratings to learn from and a seed; returns pairs of
            a bag of a user's films and another film of his, which it must
            tell from all films.
        members: Trainings whose models become one.
    """

    changes: dict
    records: Callable[[Ratings, int], Source]
    members: int


def _each_film(train, seed):
    """Draws 4 bags of up to 50 others for each film."""
    log = {"user": train.users, "film": train.films}
    options = {"user_as": "items", "draws": 4, "ids": "numbers"}
    return interactions(log, "user", "film", **options, seed=seed).train


def _each_user(train, seed):
    """Draws 300 bags of up to 20 films, and no more than half of them."""
    generator = np.random.default_rng(seed)
    bags, lengths, targets = [], [], []
    for films in _films_of_users(train):
        if len(films) > 1:
            size = min(20, len(films) // 2)
            keys = generator.random((sized(300, quick=3), len(films)))
            drawn = films[np.argpartition(keys, size, axis=1)[:, : size + 1]]
            bags.append(drawn[:, :size].ravel())
            lengths.append(np.full(len(drawn), size))
            targets.append(drawn[:, size])
    in0 = Sequences.from_lengths(np.concatenate(bags), np.concatenate(lengths))
    targets = np.concatenate(targets)
    return PairTable.from_arrays(in0, targets[:, None], np.ones(len(targets)))


# Task -> its recipe.
RECIPES = {
    "retrieval": Recipe(
        {
            "enc_dim": 64,
            "learning_rate": 0.01,
            "mini_batch_size": 1024,
            "epochs": sized(3, quick=1),
        },
        _each_film,
        members=3,
    ),
    "ml-1m": Recipe(
        {
            "enc_dim": 128,
            "token_combiner": "sqrtn",
            "learning_rate": 0.002,
            "mini_batch_size": 512,
            "epochs": sized(2, quick=1),
        },
        _each_user,
        members=1,
    ),
}


def score_films(recipe: Recipe, split: Split, seed: int) -> np.ndarray:
    """Trains one model and scores all films for all users.

    Args:
        recipe: `Recipe`.
        split: Its `train` is learned from; stars do not matter.
        seed: The members have as many seeds from `seed * members` on. Initial
            weights, sampled films and row order follow from them.

    Returns:
        float32, of the split's shape; 0 for users without films.
    """
    first = seed * recipe.members
    models = [
        train_bags(recipe, split, first + number)
        for number in range(recipe.members)
    ]
    model = models[0] if len(models) == 1 else make_ensemble(models)
    films_of = _films_of_users(split.train)
    users = [user for user, films in enumerate(films_of) if len(films)]
    bags = embed(model, "in0", {"in0": [films_of[user] for user in users]})
    films = np.arange(1, split.shape[1])[:, None]
    scores = np.zeros(split.shape, np.float32)
    scores[users, 1:] = bags @ embed(model, "in1", {"in1": films}).T
    return scores


def train_bags(recipe: Recipe, split: Split, seed: int) -> Object2Vec:
    """Returns one model of bags of films."""
    _, films = split.shape
    sizes = {
        "enc0_max_seq_len": films,
        "enc0_vocab_size": films,
        "enc1_vocab_size": films,
        "seed": seed,
    }
    config = Object2VecConfig(**CONFIG | sizes | recipe.changes)
    model = Object2Vec(config)
    model.steps_per_execution = 20
    dataset = load_dataset(recipe.records(split.train, seed), config, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def _films_of_users(train):
    order = np.argsort(train.users, kind="stable")
    counts = np.bincount(train.users)
    return np.split(train.films[order], np.cumsum(counts)[:-1])
