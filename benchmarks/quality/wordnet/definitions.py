"""Examples of use for definitions: the recipes, their training, their ranks."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from benchmarks.quality.wordllama import wordllama_folder
from benchmarks.quality.wordnet.splits import TextSplit
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.evaluation.inference import embed
from o2v_keras.text.learn_tokenizers import learn_tokenizers

METRICS = ("hits@1", "hits@10", "mean rank")

_COMMON = {
    "enc0_network": "pooled_embedding",
    "tied_token_embedding_weight": True,
    "token_embedding_storage_type": "row_sparse",
    "token_weighting": "learned",
    "enc_dim": 256,
    "output_layer": "in_batch_softmax",
    "similarity": "cosine",
    "temperature": 0.1,
    "hardness_strength": 5.0,
    "sampling_bias_correction": False,
    "negative_sampling_side": "both",
    "mini_batch_size": 512,
}
NGRAMS = _COMMON | {
    "enc0_tokenizer": "ngrams",
    "enc0_vocab_size": 100_000,
    "enc0_min_count": 2,
    "enc0_hash_buckets": 60_000,
    "enc0_max_seq_len": 1500,
    "learning_rate": 0.003,
    "learning_rate_schedule": "cosine",
    "epochs": sized(6, quick=1),
}
# wordllama's own pieces and their vectors, trained on.
PIECES = _COMMON | {
    "enc0_tokenizer": "sentencepiece",
    "enc0_pretrained_embedding_file": wordllama_folder(),
    "enc0_freeze_pretrained_embedding": False,
    "enc0_max_seq_len": 512,
    "learning_rate": 0.005,
    "epochs": sized(7, quick=1),
}


def train_texts(
    split: TextSplit, seed: int, recipe: Mapping = NGRAMS, **changes
) -> Object2Vec:
    """Returns a model trained on the split's training pairs.

    Args:
        split: `TextSplit`.
        seed: Initial weights and row order follow from it.
        recipe: Fields of `Object2VecConfig`. Defaults to `NGRAMS`.
        **changes: Fields of the recipe to exchange.
    """
    config = Object2VecConfig(**recipe | changes | {"seed": seed})
    tokenizers = learn_tokenizers(split.train, config, verbose=0)
    config = tokenizers.configure(config)
    model = Object2Vec(config)
    model.tokenizers = tokenizers
    model.load_pretrained_vectors()
    model.steps_per_execution = 10
    data = split.train | {"label": np.ones(len(split.train["in0"]))}
    dataset = load_dataset(data, config, tokenizers=tokenizers, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    return model


def encode(model: Object2Vec, split: TextSplit) -> list[np.ndarray]:
    """Returns the encodings of scored definitions and of their examples."""
    return [
        embed(model, side, {side: split.scored[side]})
        for side in ("in0", "in1")
    ]


def join(pairs: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Returns encodings whose cosines are the mean of several models'.

    What `make_ensemble` does, but models may have different tokenizers.

    Args:
        pairs: Both sides' encodings, of each model.
    """
    return [np.hstack([*map(unit, side)]) for side in zip(*pairs, strict=True)]


def rank_scores(pair: Sequence[np.ndarray]) -> list[float]:
    """Returns the `METRICS` of encodings by cosine; ties count against.

    Args:
        pair: Encodings of definitions and of examples, row by row.
    """
    first, second = map(unit, pair)
    cosines = first @ second.T
    ranks = (cosines >= np.diag(cosines)[:, None]).sum(axis=1)
    return [np.mean(ranks == 1), np.mean(ranks <= 10), np.mean(ranks)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns rows of length 1, or of zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
