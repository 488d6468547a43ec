"""Ratings of films by users: the recipe, its training, its answers."""

import dataclasses
import pathlib
import tempfile

import numpy as np

# Registers the comparators that the recipe names.
from benchmarks.quality.movielens import comparators  # noqa: F401
from benchmarks.quality.movielens.splits import FILMS
from benchmarks.quality.movielens.splits import USERS
from benchmarks.quality.movielens.splits import Ratings
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.evaluation.inference import predict_scores

CONFIG = {
    "enc0_max_seq_len": 1,
    "enc0_vocab_size": USERS + 1,
    "enc0_network": "pooled_embedding",
    "enc1_max_seq_len": 1,
    "enc1_vocab_size": FILMS + 1,
    "enc1_network": "pooled_embedding",
    "enc_dim": 200,
    "comparator_list": ("scaled_hadamard", "scaled_concat"),
    "mlp_layers": 0,
    "output_layer": "mean_squared_error",
    "optimizer": "sgd",
    "learning_rate": 5e-4,
    "learning_rate_schedule": "cosine",
    "token_embedding_l2": 820.0,
    "token_embedding_storage_type": "row_sparse",
    "mini_batch_size": 1024,
    "epochs": sized(50, quick=1),
}

# After the comparators' scales this is what 0.1 is in plain matrix
# factorization; likewise 820 is a penalty of 0.08, and 5e-4 a rate of 0.005
# for each example.
_LARGEST_INITIAL = 0.001


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How ratings are learned.

    Args:
        fewest_stars: Ratings below it count as it in training. Defaults to
            1: none.
        changes: Fields of `CONFIG` to exchange. Defaults to none.
    """

    fewest_stars: float = 1.0
    changes: dict = dataclasses.field(default_factory=dict)


# Whether a rating is above 3 is asked of a model that does not know 1 from 2,
# so that a few very low ratings do not pull at scores near the threshold.
RECIPES = {"stars": Recipe(), "above-3": Recipe(fewest_stars=2.0)}


def predict_stars(
    recipe: Recipe, train: Ratings, scored: Ratings, seed: int
) -> np.ndarray:
    """Trains a model and asks it for ratings.

    Args:
        recipe: `Recipe`.
        train: What the model learns from.
        scored: Users and films whose rating is wanted.
        seed: Initial weights and row order follow from it.

    Returns:
        float64 `(len(scored),)`, from the fewest stars to 5.
    """
    stars = np.maximum(train.stars, recipe.fewest_stars)
    with tempfile.TemporaryDirectory() as folder:
        config = Object2VecConfig(
            **CONFIG
            | recipe.changes
            | _initial_tables(pathlib.Path(folder), seed)
            | {"seed": seed}
        )
        model = Object2Vec(config)
        model.steps_per_execution = 20
        # The head's bias would take long to learn the mean.
        data = _sides(train) | {"label": stars - stars.mean()}
        dataset = load_dataset(data, config, verbose=0)
        model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    scores = predict_scores(model, _sides(scored))[:, 0]
    return np.clip(scores + stars.mean(), recipe.fewest_stars, 5)


def _sides(ratings):
    return {"in0": ratings.users[:, None], "in1": ratings.films[:, None]}


def _initial_tables(folder, seed):
    """Writes small random rows for both sides, and says where they are."""
    generator = np.random.default_rng(seed)
    fields = {}
    for side, objects in (("enc0", USERS), ("enc1", FILMS)):
        path = folder / f"{side}.npy"
        shape = (objects + 1, CONFIG["enc_dim"])
        rows = generator.uniform(-_LARGEST_INITIAL, _LARGEST_INITIAL, shape)
        np.save(path, rows.astype(np.float32))
        fields[f"{side}_pretrained_embedding_file"] = str(path)
        fields[f"{side}_freeze_pretrained_embedding"] = False
    return fields
