"""What answers without a model score, to stand beside a model's metrics."""

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.pairwise_baselines import pairwise_baselines
from o2v_keras.evaluation.side_biases import SideBiases
from o2v_keras.evaluation.training_labels import TrainingLabels


def baselines(
    scored: PairTable,
    config: Object2VecConfig,
    training: PairTable | TrainingLabels | None,
) -> dict[str, dict[str, float]]:
    """Scores trivial predictors on a split.

    * `majority_class`: the scored split's own most frequent class, and for
      the loss its own class shares: the best that any constant answer can
      reach there, so that the baseline never flatters the model.
    * `global_mean`: the mean label of the training data; without these
      `best_constant`, the scored split's own mean, which no other constant
      answer can beat there.
    * `in0_majority`, `in1_majority`, `in0_mean`, `in1_mean`: for a side of
      single tokens, the training data's answer for that token (`user mean`,
      `item mean`); the overall answer for a token not seen in training.
    * `side_biases`: for values of pairs of single tokens, the mean plus what
      both tokens are known to differ from it (`SideBiases`).

    For `bpr` see `pairwise_baselines`.

    Where data have weights, all counts and means are weighted: those of the
    training data that answer, and those of the scored ones.

    Args:
        scored: Table with labels.
        config: Says whether labels are classes or values.
        training: The training table, or the tallies of one that is not in
            memory (they leave `side_biases` out), or `None` when neither is
            at hand; the per-side answers are then left out. So they are
            when negatives are drawn, whose labels the training table does
            not hold.

    Returns:
        Name of the baseline -> metrics under the names that the model's own
        metrics have. None for `in_batch_softmax`, whose loss no constant
        answer has: `rank` has baselines for its ranking.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> table = PairTable.from_arrays([[1], [2], [3]], [[4]] * 3, [0, 1, 1])
    >>> scores = baselines(table, config, training=None)
    >>> round(scores["majority_class"]["accuracy"], 3)
    0.667
    """
    if config.output_layer == "in_batch_softmax":
        return {}
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
        answers = _look_up(answers, overall, _tokens(scored, side))
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
        answers = _look_up(answers, mean, _tokens(scored, side))
        scores[f"{side}_mean"] = _errors(scored, answers)
    return scores


def _tokens(table, side):
    """The first id of each row; the only one on a side of single tokens."""
    sequences = getattr(table, side)
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
