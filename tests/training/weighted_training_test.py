"""A weight counts as rows do, in training and in what is measured."""

import numpy as np
import pytest

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

VALUES = {"output_layer": "mean_squared_error"}


def weighted(rows, seed=0):
    source = make_source(rows, seed)
    weights = np.random.default_rng(seed).integers(0, 4, rows)
    return {**source, "weight": weights}


def repeated(source):
    """The rows without weights, each as often as its weight says."""
    rows = np.repeat(np.arange(len(source["label"])), source["weight"])
    return {
        name: [column[row] for row in rows]
        for name, column in source.items()
        if name != "weight"
    }


def run(folder, train_source, validation, test, **changes):
    # One batch an epoch, whose order is nothing to plain gradient descent.
    fields = {"optimizer": "sgd", "mini_batch_size": 256, "learning_rate": 0.3}
    return train(
        make_config(**{**fields, **changes}),
        train_source,
        validation,
        test,
        model_dir=folder,
        allow_leaks=True,
        verbose=0,
    )


def assert_same_weights(model, other):
    for weight, expected in zip(
        model.get_weights(), other.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="classes", marks=pytest.mark.slow),
        pytest.param(VALUES, id="values"),
    ],
)
def test_a_weight_counts_as_so_many_rows(tmp_path, changes):
    sources = [weighted(30, 1), weighted(12, 2), weighted(11, 3)]
    once = run(tmp_path / "a", *sources, **changes)
    often = run(tmp_path / "b", *map(repeated, sources), **changes)
    assert_same_weights(once.model, often.model)
    for split in ("train", "validation", "test"):
        expected = pytest.approx(often.report[split], rel=1e-4)
        assert once.report[split] == expected
    for split in ("validation", "test"):
        baselines = often.report["baselines"][split]
        assert once.report["baselines"][split].keys() == baselines.keys()
        for name, metrics in baselines.items():
            found = once.report["baselines"][split][name]
            assert found == pytest.approx(metrics, rel=1e-4), name


@pytest.mark.parametrize("changes", [{}, VALUES], ids=["classes", "values"])
def test_evaluation_counts_so_too(changes):
    model = Object2Vec(make_config(**changes))
    tokens = np.arange(1, 25)[:, None] % 7 + 1
    source = {**weighted(24), "in0": tokens}
    training = {**weighted(24, 5), "in0": tokens[::-1], "in1": tokens % 5 + 1}
    once = evaluate(model, source, training, allow_leaks=True)
    often = evaluate(
        model, repeated(source), repeated(training), allow_leaks=True
    )
    groups = ["metrics", "correlation", "cosine_correlation"]
    for group in groups + ["calibration"] * (not changes):
        assert once[group] == pytest.approx(often[group], rel=1e-4), group
    assert len(often["baselines"]) > 1
    for name, metrics in often["baselines"].items():
        assert once["baselines"][name] == pytest.approx(metrics, rel=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_weight_of_0_teaches_nothing(tmp_path, classes):
    source = weighted(30, 1)
    other = {**source, "label": np.array(source["label"])}
    unheard = source["weight"] == 0
    other["label"] = np.where(unheard, 1 - other["label"], other["label"])
    results = [
        run(tmp_path / str(n), train, None, None, num_classes=classes)
        for n, train in enumerate((source, other))
    ]
    assert unheard.any()
    assert_same_weights(*(result.model for result in results))


@pytest.mark.slow
def test_replicas_change_nothing():
    # The last batch has one row, and some rows count nothing.
    config = make_config(optimizer="sgd", learning_rate=0.3)
    source = weighted(17)
    columns = (source[n] for n in ("in0", "in1", "label", "weight"))
    table = PairTable.from_arrays(*columns)
    results = []
    for replicas in (1, 2):
        with make_strategy(replicas, config.mini_batch_size).scope():
            model = Object2Vec(config)
        batches = PairBatches(table, config, True, replicas)
        history = model.fit(
            batches.dataset(), epochs=2, shuffle=False, verbose=0
        )
        results.append((model, history.history))
    (one, metrics1), (two, metrics2) = results
    for name, values in metrics1.items():
        np.testing.assert_allclose(metrics2[name], values, rtol=1e-5)
    assert_same_weights(two, one)


def test_resuming_takes_the_same_weights(tmp_path):
    source = weighted(20)
    settings = {"model_dir": tmp_path, "verbose": 0}
    train(make_config(epochs=1), source, **settings)
    other = {**source, "weight": source["weight"] + 1}
    with pytest.raises(ValueError, match="same data; these differ.* train"):
        train(make_config(epochs=2), other, resume=True, **settings)
    train(make_config(epochs=2), source, resume=True, **settings)
