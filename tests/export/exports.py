"""Small models and their exports."""

import dataclasses
import pathlib

import numpy as np

from export.saved_model import write_saved_model
from export.serving_module import ServingModule
from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from tests.export.served_model import ServedModel

SMALL = {
    "enc0_max_seq_len": 6,
    "enc0_vocab_size": 30,
    "enc0_token_embedding_dim": 8,
    "enc_dim": 8,
    "mlp_dim": 12,
    "num_classes": 3,
}


WORDS = ("a", "the", "dog", "cat", "barks", "mat", "\N{DOG FACE}", "##s")


@dataclasses.dataclass
class Export:
    """A model, the folder it was written to, and its server."""

    model: Object2Vec
    folder: pathlib.Path
    served: ServedModel


def make_model(hyperparameters, policy="float32"):
    """Returns a small model with weights that tell outputs apart."""
    fields = {**SMALL, "dtype_policy": policy, **hyperparameters}
    model = Object2Vec(Object2VecConfig(**fields))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def make_text_model(hyperparameters, in0=None, in1=None):
    """Returns a small model with the tokenizers of its sides."""
    tokenizers = PairTokenizers(in0, in1)
    sizes = {
        f"enc{name[-1]}_vocab_size": tokenizer.vocab_size
        for name, tokenizer in tokenizers.sides.items()
    }
    model = make_model({**sizes, **hyperparameters})
    model.tokenizers = tokenizers
    return model


def word_tokenizer(words=WORDS):
    """Returns a tokenizer of few words."""
    return WordTokenizer(Vocabulary(words))


def write_export(model, folder, mode="both"):
    """Writes an export, without its acceptance test, and serves it."""
    write_saved_model(ServingModule(model, mode), folder)
    return Export(model, folder, ServedModel(folder))
