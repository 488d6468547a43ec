"""Trainings by scored pairs."""

import numpy as np
import pytest

from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history


def source(rows, seed=0):
    labels = np.random.default_rng(seed).uniform(0, 5, rows)
    return {**make_source(rows, seed), "label": labels}


def test_early_stopping_watches_spearman(tmp_path):
    config = make_config(output_layer="cosent", epochs=4)
    result = train(
        config,
        source(40),
        source(20, seed=1),
        source(20, seed=2),
        model_dir=tmp_path / "model",
        verbose=0,
    )
    epochs = read_history(tmp_path / "model")
    spearman = [epoch["val_spearman"] for epoch in epochs]
    assert result.report["best_epoch"] == np.argmax(spearman)
    assert result.report["validation"]["spearman"] == max(spearman)
    test = result.report["test"]
    assert test.keys() == {"loss", "cosent", "spearman", "pearson"}
    found = evaluate(result.model, source(20, seed=2))
    assert found["correlation"]["spearman"] == pytest.approx(test["spearman"])
    # Who trains again continues, not begins, and has the same metrics.
    resumed = train(
        config.replace(epochs=5),
        source(40),
        source(20, seed=1),
        source(20, seed=2),
        model_dir=tmp_path / "model",
        resume=True,
        verbose=0,
    )
    assert len(resumed.history.epoch) == 5


def test_without_validation_data_it_watches_the_loss(tmp_path):
    config = make_config(output_layer="cosent", epochs=2)
    test = source(10, seed=3)
    result = train(config, source(20), test=test, model_dir=tmp_path, verbose=0)
    assert result.report["train"].keys() == {"loss", "cosent"}
    assert "spearman" in result.report["test"]
