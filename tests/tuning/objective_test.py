import pytest

from o2v_keras.tuning.objective import objective_metrics
from o2v_keras.tuning.objective import parse_objective


@pytest.mark.parametrize(
    ("name", "metric", "direction"),
    [
        ("validation:accuracy", "val_accuracy", "max"),
        ("validation:cross_entropy", "val_cross_entropy", "min"),
        ("validation:mean_squared_error", "val_mean_squared_error", "min"),
        ("val_loss", "val_loss", "min"),
        ("val_ndcg@10", "val_ndcg@10", "max"),
        ("val_accuracy@100", "val_accuracy@100", "max"),
        ("val_mrr", "val_mrr", "max"),
        ("val_mean_rank", "val_mean_rank", "min"),
        ("val_cosine_spearman", "val_cosine_spearman", "max"),
        ("val_cosine_similarity", "val_cosine_similarity", "max"),
        ("val_embedding", "val_embedding", "min"),
        ("val_root_mean_squared_error", "val_root_mean_squared_error", "min"),
    ],
)
def test_directions_are_known(name, metric, direction):
    objective = parse_objective(name)
    assert (objective.name, objective.direction) == (metric, direction)


def test_own_metrics_have_a_given_direction():
    objective = parse_objective("val_profit", "max")
    assert (objective.name, objective.direction) == ("val_profit", "max")


@pytest.mark.parametrize(
    ("name", "direction", "message"),
    [
        ("test:accuracy", None, "must not be a metric of the test data"),
        ("test_loss", None, "must not be a metric of the test data"),
        ("train:accuracy", None, "must be one of validation:accuracy"),
        ("val_profit", None, "The metric to monitor must be a known one"),
        ("val_loss", "max", '`direction` must be "min" for val_loss'),
        ("val_loss", "up", '`direction` must be "min" or "max"'),
    ],
)
def test_bad_objectives_are_refused(name, direction, message):
    with pytest.raises(ValueError, match=message):
        parse_objective(name, direction)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("val_hits@5", ["RankingMetrics"]),
        ("val_mrr", ["RankingMetrics"]),
        ("val_pearson", ["CorrelationMetrics"]),
        ("val_accuracy", []),
    ],
)
def test_callbacks_of_an_objective(name, kinds):
    tables = {"train": "train.jsonl", "validation": "validation.jsonl"}
    callbacks = objective_metrics(name, tables)
    assert [type(callback).__name__ for callback in callbacks] == kinds


def test_metrics_of_pairs_need_validation_data():
    with pytest.raises(ValueError, match="Validation data must be given for"):
        objective_metrics("val_mrr", {"train": "t.jsonl", "validation": None})
