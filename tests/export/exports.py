"""Small models and their exports."""

import dataclasses
import pathlib

import numpy as np

from export.saved_model import write_saved_model
from export.serving_module import ServingModule
from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec
from tests.export.served_model import ServedModel

SMALL = {
    "enc0_max_seq_len": 6,
    "enc0_vocab_size": 30,
    "enc0_token_embedding_dim": 8,
    "enc_dim": 8,
    "mlp_dim": 12,
    "num_classes": 3,
}


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


def write_export(model, folder, mode="both"):
    """Writes an export, without its acceptance test, and serves it."""
    write_saved_model(ServingModule(model, mode), folder)
    return Export(model, folder, ServedModel(folder))
