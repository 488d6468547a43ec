"""Training by an in-batch softmax, on one replica and on several."""

import numpy as np
import pytest

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.distribution import make_strategy
from tests.training.small_training import make_config

HEAD = {"output_layer": "in_batch_softmax", "temperature": 0.2}
VARIANTS = {
    "cosine": {},
    "learned_dot_both_sides": {
        "similarity": "dot",
        "learn_temperature": True,
        "negative_sampling_side": "both",
        "token_embedding_storage_type": "row_sparse",
    },
    "hard_in0_tied": {
        "hard_negatives": 2,
        "negative_sampling_side": "in0",
        "tied_token_embedding_weight": True,
    },
    "explicit_and_mined_rows": {"mined_negatives": 1},
}


def make_pairs(rows, seed):
    """Pairs of few objects, so that many are known, in no order of labels."""
    rng = np.random.default_rng(seed)
    labels = rng.random(rows) < 0.8
    in0, in1 = rng.integers(1, 8, (rows, 1)), rng.integers(8, 20, (rows, 2))
    return PairTable.from_arrays(in0, in1, labels.astype(float))


def fit(config, replicas):
    with make_strategy(replicas, config.mini_batch_size).scope():
        model = Object2Vec(config)
    # A last batch of one row, which leaves a replica without any.
    train, validation = make_pairs(17, seed=1), make_pairs(11, seed=2)
    history = model.fit(
        PairBatches(train, config, True, replicas).dataset(),
        validation_data=PairBatches(
            validation, config, False, replicas, known=train
        ).dataset(),
        epochs=2,
        shuffle=False,
        verbose=0,
    )
    return model.get_weights(), history.history


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_replicas_share_negatives(changes):
    fields = {"optimizer": "sgd", "learning_rate": 0.3, **HEAD, **changes}
    config = make_config(**fields)
    start = Object2Vec(config).get_weights()
    (weights, metrics), (weights2, metrics2) = (
        fit(config, replicas) for replicas in (1, 2)
    )
    assert metrics["loss"][0] > 0.1
    for name, values in metrics.items():
        np.testing.assert_allclose(
            metrics2[name], values, rtol=1e-5, err_msg=name
        )
    for first, second in zip(weights, weights2, strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-6)
    for before, after in zip(start, weights2, strict=True):
        assert not np.allclose(before, after)
