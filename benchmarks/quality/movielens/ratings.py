"""Ratings of films by users: the recipe, its training, its answers."""

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
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.token_weighting import TokenCounts

# Both sides have their own ids first, then those of the other side's objects.
_IDS = USERS + FILMS + 1

CONFIG = {
    "enc0_max_seq_len": _IDS,
    "enc0_vocab_size": _IDS,
    "enc0_network": "pooled_embedding",
    "enc1_max_seq_len": _IDS,
    "enc1_vocab_size": _IDS,
    "enc1_network": "pooled_embedding",
    "enc_dim": 20,
    "token_combiner": "sqrtn",
    "token_embedding_kl": 0.9,
    "token_embedding_storage_type": "row_sparse",
    "comparator_list": ("hadamard", "concat"),
    "mlp_layers": 0,
    "output_layer": "mean_squared_error",
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "mini_batch_size": 2048,
    "epochs": sized(16, quick=1),
}

# Ratings below it count as it in training. Whether a rating is above 3 is
# asked of a model that does not know 1 from 2, so that a few very low ratings
# do not pull at scores near the threshold.
FEWEST_STARS = {"stars": 1.0, "above-3": 2.0}


def predict_stars(
    answer: str, train: Ratings, scored: Ratings, seed: int, **changes
) -> np.ndarray:
    """Trains a model and asks it for ratings.

    A user is his id and the films that he rated in the training data, a film
    is its id and its raters: the implicit feedback of SVD++ on both sides.

    Args:
        answer: One of `FEWEST_STARS`: which ratings are learned from.
        train: What the model learns from.
        scored: Users and films whose rating is wanted.
        seed: Initial weights, samples and row order follow from it.
        **changes: Fields of `CONFIG` to exchange.

    Returns:
        float64 `(len(scored),)`, from the fewest stars to 5.
    """
    config = Object2VecConfig(**CONFIG | changes | {"seed": seed})
    users = _bags(train.users, train.films, USERS)
    films = _bags(train.films, train.users, FILMS)
    stars = np.maximum(train.stars, FEWEST_STARS[answer])
    table = PairTable.from_arrays(
        users.take(train.users), films.take(train.films), stars
    )
    model = Object2Vec(config)
    model.steps_per_execution = 5
    counts = TokenCounts(config)
    counts.add(table)
    model.set_token_counts(counts.sides)
    model.initialize_bias(stars)
    dataset = load_dataset(table, config, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    sides = {
        "in0": users.take(scored.users),
        "in1": films.take(scored.films),
    }
    scores = predict_scores(model, sides)[:, 0]
    return np.clip(scores, FEWEST_STARS[answer], 5)


def _bags(own, others, objects):
    """Returns the ids of each object: its own, and those of its others.

    The sum of n rows over the root of n is about as long as one of them. The
    own id stands there as often as the root of n, to weigh as much as the
    others together.
    """
    order = np.argsort(own, kind="stable")
    counts = np.bincount(own, minlength=objects + 1)
    others = np.split(objects + others[order], np.cumsum(counts)[:-1])
    bags = [
        np.r_[np.full(max(1, round(len(ids) ** 0.5)), number), ids]
        for number, ids in enumerate(others)
    ]
    return Sequences.from_lengths(
        np.concatenate(bags), np.array([len(bag) for bag in bags])
    )
