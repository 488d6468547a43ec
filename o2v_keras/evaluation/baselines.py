"""Baselines for a model's metrics: predictors without a model."""

import math
from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.target_vectors import target_vectors
from o2v_keras.evaluation.training_labels import TrainingLabels

_ROUNDS = 10
# Strength of the prior: rows with the overall mean added to each token.
_VECTORS_AT_ONCE = 4096
_PRIOR_ROWS = {"in0": 15, "in1": 10}


def baselines(
    scored: PairTable,
    config: Object2VecConfig,
    training: PairTable | TrainingLabels | None,
) -> dict[str, dict[str, float]]:
    """Computes the metrics of trivial predictors on a split.

    * `majority_class`: the most frequent class of the scored split and, for
      the loss, its class shares: no constant prediction is better there.
    * `global_mean`: the mean label of the training data. Without training
      data `best_constant`: the mean of the scored split, which no constant
      prediction beats there.
    * `in0_majority`, `in1_majority`, `in0_mean`, `in1_mean`: for a side of
      single tokens, the most frequent class or mean label of the token in
      the training data (user mean, item mean); the overall one for a token
      unseen in training.
    * `side_biases`: for values of pairs of single tokens, the mean plus both
      tokens' biases (`SideBiases`).

    For `bpr` see `pairwise_baselines`. All counts and means are weighted by
    the rows' weights.

    Args:
        scored: Table with labels.
        config: The configuration; its head says whether labels are classes
            or values.
        training: The training table, or the tallies of a table that is not
            in memory (then without `side_biases`). Defaults to `None`: no
            baselines by side. There are none either if negatives are drawn,
            whose labels are not in the training table.

    Returns:
        Name of the baseline -> metrics under the names of the model's
        metrics. Empty for `in_batch_softmax` and `cosent`, whose losses say
        nothing of constants; `rank` has baselines for its ranking. For
        `embedding` there is `mean_vector`, the mean of the training targets.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> table = PairTable.from_arrays([[1], [2], [3]], [[4]] * 3, [0, 1, 1])
    >>> scores = baselines(table, config, training=None)
    >>> round(scores["majority_class"]["accuracy"], 3)
    0.667
    """
    if config.output_layer in ("in_batch_softmax", "cosent"):
        return {}
    if config.output_layer == "embedding":
        known = training if isinstance(training, PairTable) else scored
        return {"mean_vector": _mean_vector(scored, config, known)}
    table = None
    if config.output_layer == "bpr":
        known = training if isinstance(training, PairTable) else None
        return pairwise_baselines(scored, config, known)
    if isinstance(training, PairTable):
        table, training = training, TrainingLabels(config)
        training.add(table)
    if config.output_layer == "softmax":
        return _class_baselines(scored, config.num_classes, training)
    scores = _mean_baselines(scored, training)
    if table is not None and len(training.sides) == 2:
        answers = SideBiases(table).predict(scored)
        scores["side_biases"] = _errors(scored, answers)
    return scores


def _mean_vector(scored, config, known):
    """Returns the mean cosine of targets with the mean of known targets."""
    vectors = target_vectors(config)
    mean = vectors.mean(known.labels, known.weights)
    mean /= max(np.linalg.norm(mean), 1e-12)
    rows, counts = np.unique(scored.labels, return_inverse=True)
    counts = np.bincount(counts, scored.weights)
    total = 0.0
    for first in range(0, len(rows), _VECTORS_AT_ONCE):
        part = slice(first, first + _VECTORS_AT_ONCE)
        targets = vectors.take(rows[part]).astype(np.float64)
        lengths = np.maximum(np.linalg.norm(targets, axis=1), 1e-12)
        total += counts[part] @ (targets @ mean / lengths)
    return {"cosine_similarity": float(total / counts.sum())}


def _class_baselines(scored, num_classes, training):
    labels = scored.labels.astype(np.int64)
    shares = np.bincount(labels, scored.weights, minlength=num_classes)
    shares = shares / shares.sum()
    real = shares[shares > 0]
    entropy = float(-(real * np.log(real)).sum()) + 0.0
    scores = {
        "majority_class": {
            "accuracy": float(shares.max()),
            "cross_entropy": entropy,
            "loss": entropy,
        }
    }
    for side, counts in training.sides.items() if training else ():
        overall = training.totals.argmax()
        answers = np.where(
            counts.sum(axis=1) > 0, counts.argmax(axis=1), overall
        )
        answers = _look_up(answers, overall, _first_ids(scored, side))
        scores[f"{side}_majority"] = {
            "accuracy": float(
                np.average(answers == labels, weights=scored.weights)
            )
        }
    return scores


def _mean_baselines(scored, training):
    if training is None:
        own_mean = np.average(scored.labels, weights=scored.weights)
        return {"best_constant": _errors(scored, own_mean)}
    rows, total = training.totals
    mean = total / rows
    scores = {"global_mean": _errors(scored, mean)}
    for side, columns in training.sides.items():
        counts, sums = columns.T
        answers = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
        answers = _look_up(answers, mean, _first_ids(scored, side))
        scores[f"{side}_mean"] = _errors(scored, answers)
    return scores


def _first_ids(table, side):
    sequences = table.sides[side]
    return sequences.values[sequences.offsets[:-1]]


def _look_up(answers, default, tokens):
    known = tokens < len(answers)
    return np.where(known, answers[np.where(known, tokens, 0)], default)


def _errors(scored, answers):
    errors = scored.labels - answers
    squared = float(np.average(errors**2, weights=scored.weights))
    absolute = float(np.average(np.abs(errors), weights=scored.weights))
    return {
        "loss": squared,
        "mean_squared_error": squared,
        "root_mean_squared_error": squared**0.5,
        "mean_absolute_error": absolute,
    }


def pairwise_baselines(
    scored: PairTable, config: Object2VecConfig, training: PairTable | None
) -> dict[str, dict[str, float]]:
    """Computes baselines of positives against the negatives of `bpr`.

    * `random`: a random score for each pair; for the loss, equal scores,
      which no other uninformed prediction beats.
    * `popularity`: the weighted number of training rows that hold the
      object; a tie counts half.

    Args:
        scored: Table of positives.
        config: The configuration by which negatives are drawn.
        training: The training table. `None` for no `popularity`.

    Returns:
        Name of the baseline -> metrics under the names of the model's
        metrics.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=9,
    ...     output_layer="bpr",
    ...     negative_sampling_rate=1,
    ... )
    >>> scored = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    >>> training = PairTable.from_arrays([[7], [8]], [[3], [3]], [1, 1])
    >>> scores = pairwise_baselines(scored, config, training)
    >>> scores["popularity"]["pairwise_accuracy"]
    0.5
    """
    loss = math.log(2)
    scores = {"random": {"loss": loss, "bpr": loss, "pairwise_accuracy": 0.5}}
    if training is not None:
        planner = EpochPlanner(scored, config, training=False, known=training)
        plan = planner.plan(0)
        rows = plan.in0_rows, plan.in1_rows, plan.weights
        in0, in1, weights = (r.reshape(-1, config.group_rows) for r in rows)
        # A negative shares one side with its positive: that count cancels.
        counts = _counts(scored.in0, training, "in0")[in0]
        counts = counts + _counts(scored.in1, training, "in1")[in1]
        right = (np.sign(counts[:, :1] - counts[:, 1:]) + 1) / 2
        accuracy = np.average(right, weights=weights[:, 1:])
        scores["popularity"] = {"pairwise_accuracy": float(accuracy)}
    return scores


def _counts(sequences, training, side):
    """Returns the weight of the training rows that hold each row's object."""
    known, places = np.unique(
        sequence_hashes(training.sides[side]), return_inverse=True
    )
    totals = np.bincount(places, training.weights)
    hashes = sequence_hashes(sequences)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[places] == hashes, totals[places], 0)


class SideBiases:
    """Predicts the mean plus a bias for the token of each side.

    The biases of the prediction `mean + b0[in0] + b1[in1]` minimize the
    weighted squared error plus 15 times the squares of `b0` and 10 times
    those of `b1`, in 10 rounds of alternating least squares. A token without
    training rows has bias 0.

    Args:
        training: `PairTable` with labels whose sides are single tokens.

    Example:
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [2.0, 4.0])
    >>> SideBiases(table).predict(table).round(2)
    array([2.86, 3.14])

    Reference:
    - Koren 2010, "Factor in the Neighbors", with the constants of Surprise's
      `BaselineOnly`.
    """

    def __init__(self, training: PairTable):
        tokens = {name: _first_ids(training, name) for name in _PRIOR_ROWS}
        weights = training.weights
        rows = {n: np.bincount(ids, weights) for n, ids in tokens.items()}
        labels: Any = training.labels
        self._mean = np.average(labels, weights=weights)
        self._biases = {name: np.zeros(len(n)) for name, n in rows.items()}
        for _ in range(_ROUNDS):
            for name, other in (("in1", "in0"), ("in0", "in1")):
                known = self._mean + self._biases[other][tokens[other]]
                errors = training.labels - known
                if weights is not None:
                    errors *= weights
                sums = np.bincount(tokens[name], errors)
                self._biases[name] = sums / (_PRIOR_ROWS[name] + rows[name])

    def predict(self, table: PairTable) -> np.ndarray:
        """Returns the predictions for a table's pairs, float64 `(rows,)`."""
        answers = np.full(len(table), self._mean)
        for name, biases in self._biases.items():
            tokens = _first_ids(table, name)
            known = tokens < len(biases)
            answers[known] += biases[tokens[known]]
        return answers
