"""Hypernyms of synsets, tokens against tokens: the recipe and baselines."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from benchmarks.quality.wordnet.splits import LinkSplit
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset
from o2v_keras.evaluation.inference import embed

METRICS = ("hits@1", "hits@10", "MRR")

CONFIG = {
    "enc0_max_seq_len": 1,
    "enc0_network": "pooled_embedding",
    "tied_token_embedding_weight": True,
    "token_embedding_storage_type": "row_sparse",
    "enc_dim": 64,
    "output_layer": "in_batch_softmax",
    "negative_sampling_side": "both",
    "similarity": "dot",
    "temperature": 1.0,
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "mini_batch_size": 1024,
    "epochs": sized(6, quick=1),
}

_BLOCK = 200


def score_hypernyms(split: LinkSplit, seed: int, **changes):
    """Trains a model on the training links.

    Args:
        split: `LinkSplit`.
        seed: Initial weights and row order follow from it.
        **changes: Fields of `CONFIG` to exchange.

    Returns:
        A function from synsets `(queries,)` to scores of all synsets as
        their hypernyms, `(queries, synsets + 1)`.
    """
    config = Object2VecConfig(
        **CONFIG
        | changes
        | {"seed": seed, "enc0_vocab_size": split.synsets + 1}
    )
    model = Object2Vec(config)
    model.steps_per_execution = 20
    data = {
        "in0": split.train[:, :1],
        "in1": split.train[:, 1:],
        "label": np.ones(len(split.train)),
    }
    dataset = load_dataset(data, config, verbose=0)
    model.fit(dataset, epochs=config.epochs, shuffle=False, verbose=0)
    everything = np.arange(1, split.synsets + 1)[:, None]
    queries, candidates = (
        np.pad(embed(model, side, {side: everything}), [(1, 0), (0, 0)])
        for side in ("in0", "in1")
    )
    return lambda synsets: queries[synsets] @ candidates.T


def baseline_scores(split: LinkSplit) -> Iterator:
    """Yields names and functions as `score_hypernyms` returns them."""
    shape = split.synsets + 1, split.synsets + 1
    counts = np.bincount(split.train[:, 1], minlength=shape[1]).astype(float)
    yield "popularity", lambda synsets: np.tile(counts, (len(synsets), 1))
    links = sp.csr_matrix(
        (np.ones(len(split.train)), tuple(split.train.T)), shape
    )
    for rank in (64, 256):
        first, weights, second = svds(links, rank, random_state=0)
        yield (
            f"matrix factorization (truncated SVD, rank {rank})",
            lambda synsets, u=first * weights, v=second: u[synsets] @ v,
        )


def link_scores(score, split: LinkSplit, seed: int = 0) -> np.ndarray:
    """Returns the `METRICS` of the scored links, filtered.

    Each link is a query of its own: its hypernym stands among all synsets
    but the other known hypernyms of the query and the query itself. Equal
    scores are ordered at random.

    Args:
        score: From `score_hypernyms` or `baseline_scores`.
        split: `LinkSplit`.
        seed: For the order of equal scores.
    """
    generator = np.random.default_rng(seed)
    known = sp.csr_matrix(
        (
            np.ones(len(split.train) + len(split.scored)),
            tuple(np.concatenate([split.train, split.scored]).T),
        ),
        (split.synsets + 1, split.synsets + 1),
    )
    ranks = []
    for start in range(0, len(split.scored), _BLOCK):
        synsets, hypernyms = split.scored[start : start + _BLOCK].T
        rows = np.arange(len(synsets))
        scores = np.array(score(synsets), float)
        own = scores[rows, hypernyms]
        scores[known[synsets].toarray() > 0] = -np.inf
        scores[rows, synsets] = -np.inf
        scores[:, 0] = -np.inf
        scores[rows, hypernyms] = -np.inf
        above = (scores > own[:, None]).sum(axis=1)
        equal = (scores == own[:, None]).sum(axis=1)
        ranks.append(above + generator.integers(equal + 1))
    ranks = np.concatenate(ranks) + 1
    return np.array(
        [np.mean(ranks <= 1), np.mean(ranks <= 10), np.mean(1 / ranks)]
    )
