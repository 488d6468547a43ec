"""Training by an in-batch softmax, on one replica and on several."""

import numpy as np
import pytest

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.train import check_in_batch_softmax
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

HEAD = {"output_layer": "in_batch_softmax", "temperature": 0.2}
VARIANTS = {
    "cosine_mined": {"mined_negatives": 1},
    "learned_dot_both_sides": {
        "similarity": "dot",
        "learn_temperature": True,
        "negative_sampling_side": "both",
        "token_embedding_storage_type": "row_sparse",
        "token_embedding_l2": 0.01,
    },
    "same_side_mined_and_hardness": {
        "same_side_negatives": True,
        "negative_sampling_side": "both",
        "hardness_strength": 3.0,
        "learn_temperature": True,
        "mined_negatives": 2,
    },
    "hard_in0_tied": {
        "hard_negatives": 2,
        "negative_sampling_side": "in0",
        "tied_token_embedding_weight": True,
    },
}
# Covered in parts by the other.
SLOW = {"cosine_mined", "hard_in0_tied", "same_side_mined_and_hardness"}


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


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            changes, id=name, marks=[pytest.mark.slow] * (name in SLOW)
        )
        for name, changes in VARIANTS.items()
    ],
)
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stream_rows": 50}, "`stream_rows` must be left out .*rows=50"),
        ({"shard_by": "file"}, '`shard_by` must be "row" .*shard_by="file"'),
        ({}, "`mined_negatives` must be 0 with several.*mined_negatives=1"),
    ],
    ids=["streamed", "shared_by_file", "mined_by_several"],
)
def test_refuses_what_hides_positives(arguments, message):
    config = make_config(**HEAD, mined_negatives=1)
    settings = {
        "stream_rows": None,
        "shard_by": "row",
        "worker": Worker(0, ("a:1", "b:1")),
    }
    with pytest.raises(ValueError, match=message):
        check_in_batch_softmax(config, **{**settings, **arguments})


def test_training_refuses_a_stream(tmp_path):
    with pytest.raises(ValueError, match="`stream_rows` must be left out"):
        train(
            make_config(**HEAD),
            str(tmp_path / "none.jsonl"),
            model_dir=tmp_path,
            stream_rows=50,
        )


def test_validation_chooses_the_epoch_and_rows_may_be_negatives(tmp_path):
    result = train(
        make_config(**HEAD, epochs=2),
        make_source(30),
        make_source(12, seed=1),
        make_source(9, seed=2),
        model_dir=tmp_path,
        verbose=0,
    )
    report = result.report
    assert report["validation"]["loss"] == min(
        result.history.history["val_loss"]
    )
    assert report["test"].keys() == {"loss", "in_batch_softmax"}
    # No constant answer has such a loss.
    assert report["baselines"] == {"validation": {}, "test": {}}
    scores = evaluate(result.model, make_source(9, seed=2))
    assert scores["metrics"]["loss"] > 0
    assert scores["correlation"] == pytest.approx(
        scores["cosine_correlation"], rel=1e-4
    )
    assert "calibration" not in scores
