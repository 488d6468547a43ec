"""What answers without a model score, to stand beside a model's metrics."""

import math

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.training_labels import TrainingLabels

_ROUNDS = 10
# How many rows of the overall mean each token is believed to have besides.
_PRIOR_ROWS = {"in0": 15, "in1": 10}


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


def pairwise_baselines(
    scored: PairTable, config: Object2VecConfig, training: PairTable | None
) -> dict[str, dict[str, float]]:
    """Compares positives with the negatives that `bpr` draws for them.

    * `random`: scores drawn anew for each pair; for the loss, scores that are
      all equal, which no other answer without knowledge beats.
    * `popularity`: the object that the training data hold more often, with
      their weights, belongs to the positive; a tie counts half.

    Args:
        scored: Table of positives.
        config: Says how negatives are drawn.
        training: The training table, or `None`: no `popularity`.

    Returns:
        Name of the baseline -> metrics under the names that the model's own
        metrics have.

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
        # One side of a negative is its positive's: the other one decides.
        counts = _counts(scored.in0, training, "in0")[in0]
        counts = counts + _counts(scored.in1, training, "in1")[in1]
        right = (np.sign(counts[:, :1] - counts[:, 1:]) + 1) / 2
        accuracy = np.average(right, weights=weights[:, 1:])
        scores["popularity"] = {"pairwise_accuracy": float(accuracy)}
    return scores


def _counts(sequences, training, side):
    """How much of the training data holds the object of each row."""
    known, places = np.unique(
        sequence_hashes(training.sides[side]), return_inverse=True
    )
    totals = np.bincount(places, training.weights)
    hashes = sequence_hashes(sequences)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[places] == hashes, totals[places], 0)


class SideBiases:
    """Answers the mean plus what is known of both sides' tokens.

    The biases `b0`, `b1` of the answer `mean + b0[in0] + b1[in1]` minimize
    the squared error plus 15 times the squares of `b0` and 10 times those of
    `b1`, found in 10 rounds, each side in turn. A row counts as often as its
    weight says. A token without training rows has bias 0.

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
        tokens = {name: _side_tokens(training, name) for name in _PRIOR_ROWS}
        weights = training.weights
        rows = {n: np.bincount(ids, weights) for n, ids in tokens.items()}
        self._mean = np.average(training.labels, weights=weights)
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
        """Returns the answers to a table's pairs, float64 `(rows,)`."""
        answers = np.full(len(table), self._mean)
        for name, biases in self._biases.items():
            tokens = _side_tokens(table, name)
            known = tokens < len(biases)
            answers[known] += biases[tokens[known]]
        return answers


def _side_tokens(table, name):
    """The first id of each row; the only one on a side of single tokens."""
    sequences = table.sides[name]
    return sequences.values[sequences.offsets[:-1]]
