"""A token table to start from, in which like words have like rows."""

import functools
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from benchmarks.quality import wordllama
from benchmarks.quality.sentences import word_features
from benchmarks.quality.sentences.word_features import GLOVE_DIM
from benchmarks.quality.sentences.word_features import glove
from benchmarks.quality.sentences.word_features import rarity
from benchmarks.quality.sentences.word_features import unit_rows
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.tokenizer import Tokenizer

# A multiple of the comparators' blocks each.
WIDTHS = {
    "wordllama": wordllama.DIM,
    "ngrams": 512,
    "senses": 256,
    "glosses": 96,
    "glove": 64,
}


def initial_table(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    parts: Sequence[str],
    seed: int,
) -> np.ndarray:
    """Returns a row for each id, in parts of `WIDTHS` numbers.

    Each part of a row is a vector of length 1 times the rarity of its word,
    so that dot products of means of rows are close to TF-IDF's: features
    such as the n-grams of a word are projected to few numbers at random,
    which keeps dot products up to noise of `1 / sqrt(width)`. Vectors of
    wordllama keep the lengths that they were trained with.

    Args:
        tokenizer: Whose ids the rows are for.
        texts: Training texts, in which rarity is counted.
        parts: Some of `WIDTHS`.
        seed: The projections follow from it.

    Returns:
        float32 `(vocab_size, sum of the widths)`.
    """
    generator = np.random.default_rng(seed)
    counts = _counts(tokenizer, texts)
    scale = _weights(tokenizer, counts)
    ids = tokenizer.word_ids()
    words = tuple(ids)
    places = np.fromiter(ids.values(), int)
    seen = counts[:, places] > 0  # (texts, words)
    table = []
    for part in parts:
        width = WIDTHS[part]
        # What is no word, or has no features, is like nothing else.
        rows = _random_units(tokenizer.vocab_size, width, generator)
        known, vectors = _PARTS[part](words, seen, width, generator)
        rows[places[known]] = vectors[known]
        own_lengths = part == "wordllama"
        table.append(rows if own_lengths else rows * scale[:, np.newaxis])
    return np.concatenate(table, axis=1)


def _weights(tokenizer, counts):
    """Rarity of each id: the mean of that in the texts and that by GloVe."""
    in_texts = rarity(counts).astype(np.float32)
    ranks = {word: rank for rank, word in enumerate(glove())}
    by_glove = np.full(tokenizer.vocab_size, len(ranks))
    for word, id_ in tokenizer.word_ids().items():
        by_glove[id_] = ranks.get(word, len(ranks))
    by_glove = np.log(by_glove + 10)
    by_glove *= in_texts.max() / by_glove.max()
    return ((in_texts + by_glove) / 2).astype(np.float32)


def _counts(tokenizer, texts):
    ids = encode_texts(tokenizer, texts)
    values = np.ones(len(ids.values), np.float32)
    shape = len(texts), tokenizer.vocab_size
    counts = sp.csr_matrix((values, ids.values, ids.offsets), shape)
    counts.sum_duplicates()
    return counts


def _ngrams(words, seen, width, generator):
    return _projected(_spelling(words), seen, width, generator)


def _senses(words, seen, width, generator):
    return _projected(_word_senses(words), seen, width, generator)


def _glosses(words, seen, width, generator):
    return _looked_up(words, _gloss_vectors(width), width)


def _wordllama(words, seen, width, generator):
    # About as long as the other parts.
    return np.ones(len(words), bool), _wordllama_vectors(words) / 2


def _glove(words, seen, width, generator):
    # Turned at random, so that all blocks of it are alike.
    rotation = np.linalg.qr(generator.normal(size=(width, GLOVE_DIM)))[0]
    known, vectors = _looked_up(words, glove(), GLOVE_DIM)
    return known, vectors @ rotation.T


_PARTS = {
    "wordllama": _wordllama,
    "ngrams": _ngrams,
    "senses": _senses,
    "glosses": _glosses,
    "glove": _glove,
}


def _projected(features, seen, width, generator):
    known = features.getnnz(axis=1) > 0
    in_texts = seen.astype(np.float32) @ (features > 0).astype(np.float32)
    features = unit_rows(features @ sp.diags(rarity(in_texts)))
    axes = _random_units(features.shape[1], width, generator)
    return known, _units(features @ axes)


def _looked_up(words, vectors, width):
    known = np.array([word in vectors for word in words])
    zeros = np.zeros(width, np.float32)
    return known, _units(np.array([vectors.get(word, zeros) for word in words]))


def _random_units(rows, width, generator):
    return _units(generator.normal(size=(rows, width)))


def _units(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)


# They take seconds, and seeds share them.
_spelling = functools.lru_cache(1)(word_features.spelling)
_word_senses = functools.lru_cache(1)(word_features.senses)
_wordllama_vectors = functools.lru_cache(1)(wordllama.word_vectors)
_gloss_vectors = functools.lru_cache(1)(word_features.gloss_vectors)
