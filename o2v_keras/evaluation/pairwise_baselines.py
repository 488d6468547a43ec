"""What tells positives from negatives without a model."""

import math

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable


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
