"""Films for users: the recipe, its training, its scores."""

import numpy as np

from benchmarks.quality.movielens.splits import FILMS
from benchmarks.quality.movielens.splits import USERS
from benchmarks.quality.movielens.splits import Ratings
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences
from o2v_keras.evaluation.inference import embed

# A user is the bag of the films that he rated in the training data, without
# the film that a record is about: a film must be told from the others.
_MOST_FILMS = 50
# Records of each rating, with different films where there are more of them.
_COPIES = 4
_NO_FILMS = FILMS + 1

CONFIG = {
    "enc0_max_seq_len": FILMS,
    "enc0_vocab_size": FILMS + 2,
    "enc0_network": "pooled_embedding",
    "enc1_max_seq_len": 1,
    "enc1_vocab_size": FILMS + 1,
    "enc1_network": "pooled_embedding",
    "enc_dim": 64,
    "output_layer": "in_batch_softmax",
    "similarity": "dot",
    "temperature": 1.0,
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "mini_batch_size": 1024,
    "epochs": sized(3, quick=1),
}


def score_films(train: Ratings, seed: int, **changes) -> np.ndarray:
    """Trains a model and scores all films for all users.

    Args:
        train: What the model learns from; stars do not matter.
        seed: Initial weights, sampled films and row order follow from it.
        **changes: Fields of `CONFIG` to exchange.

    Returns:
        float32 `(USERS + 1, FILMS + 1)`.
    """
    config = Object2VecConfig(**CONFIG | changes | {"seed": seed})
    model = Object2Vec(config)
    model.steps_per_execution = 20
    dataset = load_dataset(_records(train, seed), config, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    films_of = _films_of_users(train)
    bags = [
        films if len(films) else np.array([_NO_FILMS]) for films in films_of
    ]
    users = embed(model, "in0", {"in0": bags})
    films = embed(model, "in1", {"in1": np.arange(1, FILMS + 1)[:, None]})
    return np.pad(users @ films.T, [(0, 0), (1, 0)])


def _films_of_users(train):
    order = np.argsort(train.users, kind="stable")
    counts = np.bincount(train.users, minlength=USERS + 1)
    return np.split(train.films[order], np.cumsum(counts)[:-1])


def _records(train, seed):
    generator = np.random.default_rng(seed)
    bags, targets = [], []
    for films in _films_of_users(train):
        for _ in range(_COPIES if len(films) else 0):
            bags.extend(_others(generator, films))
            targets.append(films)
    in0 = Sequences(
        np.concatenate(bags), np.cumsum([0, *map(len, bags)], dtype=np.int64)
    )
    targets = np.concatenate(targets)
    return PairTable.from_arrays(in0, targets[:, None], np.ones(len(targets)))


def _others(generator, films):
    """Samples for each of a user's films some of his others, `(n, some)`."""
    if len(films) == 1:
        return np.array([[_NO_FILMS]])
    keys = generator.random((len(films), len(films)))
    np.fill_diagonal(keys, 2)  # a film is the last of its own
    most = min(_MOST_FILMS, len(films) - 1)
    return films[np.argsort(keys, axis=1)[:, :most]]
