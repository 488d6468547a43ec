import keras
import numpy as np
import pytest

from o2v_keras import CorrelationMetrics
from o2v_keras import Object2Vec
from o2v_keras import RankingMetrics
from o2v_keras import evaluate
from o2v_keras import load_dataset
from o2v_keras import rank
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history

TRAINING, VALIDATION = make_source(30), make_source(12, seed=1)
CORPUS = {"in1": [*TRAINING["in1"], *VALIDATION["in1"]]}


def test_fit_ranks_and_correlates_after_every_epoch():
    model = Object2Vec(make_config())
    watch = keras.callbacks.EarlyStopping("val_ndcg@5", mode="max", patience=9)
    history = model.fit(
        load_dataset(TRAINING, model.config),
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[
            RankingMetrics(VALIDATION, CORPUS, TRAINING, at=(5, 7)),
            CorrelationMetrics(VALIDATION),
            watch,
        ],
    ).history
    assert watch.best == max(history["val_ndcg@5"])
    ranked = rank(model, VALIDATION, CORPUS, TRAINING, at=[5, 7])["metrics"]
    for name, value in ranked.items():
        assert history[f"val_{name}"][-1] == pytest.approx(value), name
    scored = evaluate(model, VALIDATION)
    for prefix in ("", "cosine_"):
        for name, value in scored[f"{prefix}correlation"].items():
            last = history[f"val_{prefix}{name}"][-1]
            assert last == pytest.approx(value, rel=1e-4)
    assert history["val_mrr"][0] != history["val_mrr"][1]


class Planned(EpochMetrics):
    """Gives planned values, epoch by epoch."""

    def __init__(self, values):
        super().__init__()
        self._values = iter(values)

    def metrics(self):
        return {"val_planned": next(self._values)}


def test_training_keeps_the_epoch_that_the_metric_chooses(tmp_path):
    weights = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(
            look.model.get_weights()
        )
    )
    result = train(
        make_config(epochs=4),
        TRAINING,
        VALIDATION,
        model_dir=tmp_path,
        # Given last, it still comes before those that read what it adds.
        callbacks=[look, Planned([0.1, 0.7, 0.2, 0.3])],
        monitor="val_planned",
        monitor_mode="max",
        verbose=0,
    )
    assert result.report["best_epoch"] == 1
    assert result.report["validation"]["planned"] == 0.7
    for kept, expected in zip(
        result.model.get_weights(), weights[1], strict=True
    ):
        np.testing.assert_array_equal(kept, expected)
    values = [line["val_planned"] for line in read_history(tmp_path)]
    assert values == [0.1, 0.7, 0.2, 0.3]
    with pytest.raises(ValueError, match="same options.*: monitor"):
        train(
            make_config(epochs=5),
            TRAINING,
            VALIDATION,
            model_dir=tmp_path,
            resume=True,
            verbose=0,
        )


def test_scores_that_are_all_equal_have_no_correlation():
    model = Object2Vec(make_config())
    for weight in model.weights:
        weight.assign(keras.ops.zeros_like(weight))
    callback = CorrelationMetrics(VALIDATION)
    callback.set_model(model)
    callback.on_train_begin()
    assert callback.metrics() == {
        "val_spearman": 0.0,
        "val_pearson": 0.0,
        "val_cosine_spearman": 0.0,
        "val_cosine_pearson": 0.0,
    }
