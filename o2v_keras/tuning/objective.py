"""The objective of a search, and the callbacks that compute it."""

import re
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.training.callbacks.metrics import CorrelationMetrics
from o2v_keras.training.callbacks.metrics import RankingMetrics

# SageMaker's objectives -> names in the logs of an epoch.
_SAGEMAKER = {
    "validation:accuracy": "val_accuracy",
    "validation:cross_entropy": "val_cross_entropy",
    "validation:mean_squared_error": "val_mean_squared_error",
}
_RANKING = re.compile(r"(?:hits|recall|ndcg|accuracy)@(\d+)|mrr|mean_rank")
_CORRELATION = re.compile(r"(?:cosine_)?(?:spearman|pearson)")
# Of a prefix of the encodings, such as `val_accuracy_dim_64`.
_PREFIX = re.compile(r"_dim_\d+$")
_MAX = re.compile(
    r"accuracy|pairwise_accuracy|cosine_similarity|"
    r"(?:hits|recall|ndcg|accuracy)@\d+|mrr"
)
_MIN = re.compile(
    r"loss|cross_entropy|in_batch_softmax|bpr|cosent|embedding|"
    r"mean_squared_error|root_mean_squared_error|mean_absolute_error|mean_rank"
)


def parse_objective(
    name: str, direction: str | None = None
) -> keras_tuner.Objective:
    """Returns Keras Tuner's objective for a metric.

    Args:
        name: A metric of an epoch, such as `"val_loss"` or `"val_ndcg@10"`,
            or one of SageMaker's, such as `"validation:accuracy"`.
        direction: `"min"` or `"max"`. Defaults to `None`: the one of a known
            metric.

    Raises:
        ValueError: If the metric is one of test data or unknown in
            SageMaker, or the direction is unknown or wrong.

    Example:
    >>> print(parse_objective("validation:accuracy"))
    Objective(name="val_accuracy", direction="max")
    """
    if name.startswith("test"):
        raise ValueError(
            "`objective` must not be a metric of the test data, which must "
            "not choose hyperparameters. Split validation data from "
            f"the training data. Received: objective={name!r}"
        )
    if ":" in name and name not in _SAGEMAKER:
        raise ValueError(
            f"`objective` must be one of {', '.join(_SAGEMAKER)}, or a metric "
            'of an epoch, such as "val_ndcg@10". '
            f"Received: objective={name!r}"
        )
    name = _SAGEMAKER.get(name, name)
    known = _known_direction(name)
    if direction not in (None, "min", "max"):
        raise ValueError(
            '`direction` must be "min" or "max". '
            f"Received: direction={direction!r}"
        )
    if known is None and direction is None:
        raise ValueError(
            "The metric to monitor must be a known one: loss, accuracy, "
            "cross_entropy, mean_squared_error, hits@K, recall@K, ndcg@K, "
            "mrr, mean_rank, spearman, pearson and so on after val_, such as "
            '"val_ndcg@10"; or, in Python, have a direction, "min" or '
            f'"max". Received: {name!r}'
        )
    if None not in (known, direction) and known != direction:
        raise ValueError(
            f'`direction` must be "{known}" for {name}. '
            f"Received: direction={direction!r}"
        )
    return keras_tuner.Objective(name, known or direction)


def objective_metrics(
    name: str,
    sources: Mapping[str, Any],
    columns: PairColumns = DEFAULT_COLUMNS,
    ranking: Mapping[str, Any] | None = None,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that add an objective to an epoch's metrics.

    Args:
        name: Name of the objective.
        sources: `train` and `validation` -> files, a mapping or a
            `PairTable`.
        columns: `PairColumns` of the data. Defaults to `in0`, `in1` and
            `label`.
        ranking: Other arguments of `RankingMetrics`. Defaults to `None`.

    Raises:
        ValueError: If validation data are missing, or `ranking` is given for
            a metric that is no ranking metric.

    Example:
    >>> objective_metrics("val_accuracy", {})
    []
    """
    metric = name.removeprefix("val_")
    ranked = _RANKING.fullmatch(metric)
    correlates = _CORRELATION.fullmatch(metric)
    if ranking and not ranked:
        raise ValueError(
            "The metric to monitor must be a ranking metric, such as "
            '"val_ndcg@10" or "val_mrr", with '
            f"{', '.join(f'`{name}`' for name in ranking)}. "
            f"Received: {name!r}"
        )
    if not ranked and not correlates:
        return []
    if sources.get("validation") is None:
        raise ValueError(
            f"Validation data must be given for {name}, which is measured on "
            "them. Split them from the training data."
        )
    if correlates:
        return [CorrelationMetrics(sources["validation"], columns)]
    return [
        RankingMetrics(
            sources["validation"],
            training=sources["train"],
            at=int(ranked.group(1) or 10),
            columns=columns,
            # Training already warns of leaks.
            **{"allow_leaks": True, **(ranking or {})},
        )
    ]


def _known_direction(name):
    metric = _PREFIX.sub("", name.removeprefix("val_"))
    if _MAX.fullmatch(metric) or _CORRELATION.fullmatch(metric):
        return "max"
    return "min" if _MIN.fullmatch(metric) else None
