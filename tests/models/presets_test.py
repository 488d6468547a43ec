import keras
import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.models import presets
from o2v_keras.models.object2vec import Object2Vec

# Dense layers are (inputs + 1) * units. The two MovieLens configurations and
# SNLI compare 4 * enc_dim values, Wikipedia enc_dim.
COUNTS = {
    "MOVIELENS_RATING": (4096 * 256 + 256 + 257, (944 + 1684) * 1024),
    "MOVIELENS_RECOMMENDATION": (
        8192 * 1024 + 1024 + 1024 * 2 + 2,
        (944 + 1684) * 2048,
    ),
    "SNLI_QUICK": (
        2 * (300 * 3 * 4 + 4 + 3 * (4 * 3 * 4 + 4))
        + (64 * 512 + 512 + 512 * 512 + 512 + 512 * 3 + 3),
        2 * 43533 * 300,
    ),
    "WIKIPEDIA": (
        300 * 512 + 512 + 512 * 512 + 512 + 512 * 2 + 2,
        267522 * 300,
    ),
}


@pytest.fixture(autouse=True)
def _no_random_numbers(monkeypatch):
    """Only the number of weights counts here, not their values."""

    def zeros(self, shape, dtype=None):
        return keras.ops.zeros(shape, dtype)

    for name in ("RandomUniform", "GlorotUniform"):
        monkeypatch.setattr(
            getattr(keras.initializers, name), "__call__", zeros
        )


@pytest.mark.parametrize("name", COUNTS)
def test_published_configuration_has_the_stated_parameters(name):
    config = Object2VecConfig(**getattr(presets, name))
    model = Object2Vec(config)
    in_tables = sum(
        np.prod(weight.shape)
        for weight in model.weights
        if weight.path.endswith("embeddings")
    )
    assert (model.count_params() - in_tables, in_tables) == COUNTS[name]


def test_counts_printed_by_sagemaker():
    assert COUNTS["MOVIELENS_RATING"][0] == 1_049_089
    assert COUNTS["SNLI_QUICK"][0] == 304_995


def test_best_snli_run_is_a_valid_configuration():
    config = Object2VecConfig(**presets.SNLI)
    assert (config.encoder1.layers, config.enc_dim) == (4, 8192)
    assert config.mini_batch_size == 256
