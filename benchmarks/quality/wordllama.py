"""The static token vectors of the package wordllama, where it is installed.

Its files are read; it is never imported.
"""

import importlib.util
from collections.abc import Iterable

import numpy as np

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.static_tables import find_static_table
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)

DIM = 256
MISSING = "wordllama is not installed: see benchmarks/quality/README.md."


def wordllama_folder() -> str | None:
    """Returns the folder of the package, `None` if it is not installed."""
    spec = importlib.util.find_spec("wordllama")
    return spec and spec.submodule_search_locations[0]


def word_vectors(words: Iterable[str]) -> np.ndarray:
    """Returns the sum of the vectors of each word's pieces.

    The mean of these over a text points where wordllama's own vector of the
    text in lower case does.

    Args:
        words: Words in lower case.

    Returns:
        float32 `(words, DIM)`.
    """
    table = find_static_table(wordllama_folder())
    vectors = table.read(DIM).values(slice(None))
    tokenizer = SentencepieceTokenizer.from_file(table.tokenizer.path)
    pieces = encode_texts(tokenizer, words)
    return np.add.reduceat(vectors[pieces.values], pieces.offsets[:-1])


def untrained_model() -> Object2Vec:
    """Returns a model of one tower that encodes as wordllama does."""
    config = Object2VecConfig(
        enc0_pretrained_embedding_file=wordllama_folder(),
        enc0_tokenizer="sentencepiece",
        enc0_max_seq_len=512,
        enc0_network="pooled_embedding",
        enc_dim=DIM,
        shared_encoder=True,
        output_layer="in_batch_softmax",
    )
    tokenizers = learn_tokenizers({}, config, verbose=0)
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    model.load_pretrained_vectors()
    return model
