"""How a model for pairs of sentences is made and trained."""

import dataclasses
import pathlib
import tempfile

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
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.text.vocabulary import Vocabulary

_MAX_LENGTH = {"words": 80, "ngrams": 1600}
# For the words neither of the training texts nor of GloVe; for n-grams.
_HASH_BUCKETS = {"words": 1000, "ngrams": 1 << 15}
_MOST_IDS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The ingredients of a model.

    Args:
        parts: Parts of the initial table, some of `WIDTHS`. Defaults to all.
        tokenizer: `"words"`, of the training texts and of GloVe, or
            `"ngrams"`. Defaults to `"words"`.
        encoder: Name of both sides' network. Defaults to
            `"pooled_embedding"`.
        enc_dim: Width of encodings where the network is not pooled. Defaults
            to 512.
        comparators: Names of the comparators. Defaults to cosines and
            lengths of blocks.
        mlp_layers: Hidden layers. Defaults to 2.
        mlp_dim: Their width. Defaults to 64.
        dropout: Defaults to 0.2.
        learning_rate: Of Adam. Defaults to 0.002.
        epochs: Defaults to 10.
        swap: Whether to train on the pairs the other way round as well; for
            entailment, on those of the other classes. Defaults to `False`.
        freeze: Whether the table keeps its initial vectors. Defaults to
            `False`.
        pretrained: Whether the table begins with `initial_table`. Defaults
            to `True`.
    """

    parts: tuple[str, ...] = tuple(WIDTHS)
    tokenizer: str = "words"
    encoder: str = "pooled_embedding"
    enc_dim: int = 512
    comparators: tuple[str, ...] = ("block_cosine", "block_lengths")
    mlp_layers: int = 2
    mlp_dim: int = 64
    dropout: float = 0.2
    learning_rate: float = 0.002
    epochs: int = 10
    swap: bool = False
    freeze: bool = False
    pretrained: bool = True


def train(task: Task, recipe: Recipe, seed: int, callbacks=()) -> Object2Vec:
    """Returns a model trained on the task's training split.

    The number of epochs is the recipe's: neither early stopping nor any
    other choice looks at data beside the training split.
    """
    pairs = task.load("train")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        config, tokenizers = _configure(task, recipe, pairs, seed, folder)
        model = Object2Vec(config)
        model.tokenizers = tokenizers
        model.steps_per_execution = 10
        dataset = load_dataset(
            _training_data(task, recipe, pairs),
            config,
            tokenizers=tokenizers,
            verbose=0,
        )
        model.fit(
            dataset,
            epochs=config.epochs,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )
    return model


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


def _training_data(task, recipe, pairs):
    if recipe.swap and task.classes:
        # Only contradiction holds the other way round as well.
        pairs = pairs.joined(pairs.where(pairs.label == 0).swapped())
    elif recipe.swap:
        pairs = pairs.joined(pairs.swapped())
    if task.classes:
        return _columns(pairs, pairs.label)
    # Correlations do not mind, and the head need not learn the mean first.
    return _columns(pairs, pairs.label - pairs.label.mean())


def _columns(pairs, label):
    return {"in0": pairs.in0, "in1": pairs.in1, "label": label}


def _configure(task, recipe, pairs, seed, folder):
    """Returns configuration and tokenizers; their files are in `folder`."""
    config = Object2VecConfig(
        enc0_max_seq_len=_MAX_LENGTH[recipe.tokenizer],
        enc0_vocab_size=_MOST_IDS,
        enc0_network=recipe.encoder,
        enc0_tokenizer=recipe.tokenizer,
        enc0_hash_buckets=_HASH_BUCKETS[recipe.tokenizer],
        enc0_vocab_file=str(_write_vocabulary(pairs, folder)),
        enc0_token_embedding_dim=_width(recipe),
        enc_dim=(
            _width(recipe)
            if recipe.encoder == "pooled_embedding"
            else recipe.enc_dim
        ),
        tied_token_embedding_weight=True,
        token_embedding_storage_type="row_sparse",
        comparator_list=recipe.comparators,
        mlp_layers=recipe.mlp_layers,
        mlp_dim=recipe.mlp_dim,
        mlp_activation="tanh",
        dropout=recipe.dropout,
        output_layer="softmax" if task.classes else "mean_squared_error",
        num_classes=task.classes or 2,
        learning_rate=recipe.learning_rate,
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
    if not recipe.pretrained:
        return config, tokenizers
    table = initial_table(tokenizers.in0, texts, recipe.parts, seed)
    np.save(folder / "table.npy", table)
    config = config.replace(
        enc0_pretrained_embedding_file=str(folder / "table.npy"),
        enc0_freeze_pretrained_embedding=recipe.freeze,
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


def _width(recipe):
    return sum(WIDTHS[part] for part in recipe.parts)
