"""How a model for pairs of sentences is made and trained."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence

import numpy as np

# Registers the comparators that recipes name.
from benchmarks.quality.sentences import comparators  # noqa: F401
from benchmarks.quality.sentences.initial_table import WIDTHS
from benchmarks.quality.sentences.initial_table import initial_table
from benchmarks.quality.sentences.tasks import Task
from benchmarks.quality.sentences.word_features import glove
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.text.vocabulary import Vocabulary

# Distance of the seeds of an ensemble's members.
_SEEDS = 1000


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The ingredients of a model.

    Args:
        parts: Parts of the initial table, some of `WIDTHS`.
        epochs: Passes over the training split.
        comparators: Names of the comparators. Defaults to the cosine.
        mlp_layers: Hidden layers of 64. Defaults to 0.
        learning_rate: Of Adam. Defaults to 0.002.
        averaged_epochs: Last epochs whose weights are averaged. Defaults to
            0: the last step's weights.
        label_scale: Factor of labels, which no correlation sees. Defaults to
            1.
        pretrained: Whether the table begins with the parts; otherwise Keras
            draws it. Defaults to `True`.
    """

    parts: tuple[str, ...]
    epochs: int
    comparators: tuple[str, ...] = ("cosine",)
    mlp_layers: int = 0
    learning_rate: float = 0.002
    averaged_epochs: int = 0
    label_scale: float = 1.0
    pretrained: bool = True


def train(task: Task, recipes: Sequence[Recipe], seed: int) -> Object2Vec:
    """Returns the ensemble of a model for each recipe.

    The number of epochs is the recipe's: neither early stopping nor any
    other choice looks at data beside the training split.
    """
    models = [
        _train(task, recipe, seed + _SEEDS * number)
        for number, recipe in enumerate(recipes)
    ]
    return models[0] if len(models) == 1 else make_ensemble(models)


def evaluate(model: Object2Vec, task: Task, split: str) -> float:
    """Returns the task's score of a model on a split."""
    pairs = task.load(split)
    dataset = load_dataset(
        _columns(pairs, pairs.label),
        model.config,
        training=False,
        tokenizers=model.tokenizers,
        verbose=0,
    )
    predictions = model.predict(dataset, verbose=0)
    if not task.classes:
        predictions = predictions[:, 0]
    return float(task.score(pairs.label, predictions))


def _train(task, recipe, seed):
    pairs = task.load("train")
    columns = _columns(pairs, pairs.label * recipe.label_scale)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        config, tokenizers = _configure(task, recipe, pairs, seed, folder)
        model = Object2Vec(config)
        model.tokenizers = tokenizers
        model.steps_per_execution = 10
        model.initialize_bias(columns["label"])
        dataset = load_dataset(
            columns, config, tokenizers=tokenizers, verbose=0
        )
        model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def _columns(pairs, label):
    return {"in0": pairs.in0, "in1": pairs.in1, "label": label}


def _configure(task, recipe, pairs, seed, folder):
    """Returns configuration and tokenizers; their files are in `folder`."""
    width = sum(WIDTHS[part] for part in recipe.parts)
    config = Object2VecConfig(
        enc0_max_seq_len=80,
        enc0_vocab_size=1 << 20,
        enc0_network="pooled_embedding",
        enc0_tokenizer="words",
        # For the words neither of the training texts nor of GloVe.
        enc0_hash_buckets=1000,
        enc0_vocab_file=str(_write_vocabulary(pairs, folder)),
        enc0_token_embedding_dim=width,
        enc_dim=width,
        tied_token_embedding_weight=True,
        token_embedding_storage_type="row_sparse",
        comparator_list=recipe.comparators,
        mlp_layers=recipe.mlp_layers,
        mlp_dim=64,
        mlp_activation="tanh",
        output_layer="softmax" if task.classes else "mean_squared_error",
        num_classes=task.classes or 2,
        learning_rate=recipe.learning_rate,
        weight_averaging="tail" if recipe.averaged_epochs else "none",
        weight_averaging_epochs=sized(max(1, recipe.averaged_epochs), quick=1),
        mini_batch_size=32,
        bucket_width=10,
        epochs=sized(recipe.epochs, quick=1),
        seed=seed,
    )
    texts = pairs.in0 + pairs.in1
    tokenizers = learn_tokenizers(
        {"in0": texts, "in1": texts}, config, verbose=0
    )
    config = tokenizers.configure(config)
    if recipe.pretrained:
        table = initial_table(tokenizers.in0, texts, recipe.parts, seed)
        np.save(folder / "table.npy", table)
        config = config.replace(
            enc0_pretrained_embedding_file=str(folder / "table.npy"),
            enc0_freeze_pretrained_embedding=False,
        )
    return config, tokenizers


def _write_vocabulary(pairs, folder):
    """Writes the words of the training texts, then those of GloVe."""
    learned = learn_tokenizer("words", pairs.in0 + pairs.in1)
    words = dict.fromkeys(learned.vocabulary.words)
    words.update(dict.fromkeys(glove()))
    path = folder / "words.txt"
    Vocabulary(list(words)).save(path)
    return path
