import os
import pathlib

import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import PairTable
from o2v_keras.evaluation.baselines import baselines


def config(**fields):
    return Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, **fields)


RATINGS = config(output_layer="mean_squared_error")


def table(in0, in1, labels):
    return PairTable.from_arrays(in0, in1, labels)


class TestRatings:
    training = table([[1], [1], [2]], [[5], [6], [5]], [1.0, 3.0, 5.0])
    scored = table([[1], [2], [3]], [[7], [5], [6]], [2.0, 3.0, 4.0])

    def test_global_mean_is_the_training_datas(self):
        scores = baselines(self.scored, RATINGS, self.training)
        assert scores["global_mean"] == pytest.approx(
            {
                "loss": 2 / 3,
                "mean_squared_error": 2 / 3,
                "root_mean_squared_error": np.sqrt(2 / 3),
                "mean_absolute_error": 2 / 3,
            }
        )

    def test_side_means_fall_back_to_the_global_mean(self):
        scores = baselines(self.scored, RATINGS, self.training)
        # in0 answers 2 and 5, then the mean 3 for the unseen 3.
        assert scores["in0_mean"]["mean_squared_error"] == pytest.approx(5 / 3)
        # in1 answers the mean 3 for the unseen 7, then 3 and 3.
        assert scores["in1_mean"]["mean_squared_error"] == pytest.approx(2 / 3)

    def test_side_biases_are_those_of_the_regularized_equations(self):
        # (15 + 2) b0 = the residuals of token 1, and so on, until both sides
        # agree.
        tokens0, tokens1 = np.array([0, 0, 1]), np.array([0, 1, 0])
        design = np.concatenate(
            [np.eye(2)[tokens0], np.eye(2)[tokens1]], axis=1
        )
        penalty = np.diag([15, 15, 10, 10])
        biases = np.linalg.solve(
            design.T @ design + penalty, design.T @ (self.training.labels - 3)
        )
        answers = [3 + biases[0], 3 + biases[1] + biases[2], 3 + biases[3]]
        scores = baselines(self.scored, RATINGS, self.training)
        assert scores["side_biases"]["loss"] == pytest.approx(
            np.mean((self.scored.labels - answers) ** 2)
        )

    def test_a_sequence_side_has_no_side_mean(self):
        training = table([[1], [2]], [[5, 6], [6]], [1.0, 3.0])
        scores = baselines(self.scored, RATINGS, training)
        assert scores.keys() == {"global_mean", "in0_mean"}

    def test_without_training_data_the_split_speaks_for_itself(self):
        scores = baselines(self.scored, RATINGS, None)
        assert scores.keys() == {"best_constant"}
        assert scores["best_constant"]["loss"] == pytest.approx(2 / 3)


class TestClasses:
    training = table([[1], [1], [2], [2]], [[5], [5], [5], [6]], [1, 1, 0, 0])
    scored = table([[1], [2], [3], [1]], [[5], [5], [5], [6]], [1, 0, 0, 0])

    def test_majority_is_the_scored_splits_own(self):
        scores = baselines(self.scored, config(), self.training)
        majority = scores["majority_class"]
        assert majority["accuracy"] == 0.75
        entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
        assert majority["cross_entropy"] == pytest.approx(entropy)
        assert majority["loss"] == majority["cross_entropy"]

    def test_side_majorities(self):
        scores = baselines(self.scored, config(), self.training)
        assert scores["in0_majority"]["accuracy"] == 0.75
        assert scores["in1_majority"]["accuracy"] == 0.5

    def test_drawn_negatives_leave_only_the_majority(self):
        sampled = config(negative_sampling_rate=2)
        scores = baselines(self.scored, sampled, self.training)
        assert scores.keys() == {"majority_class"}

    def test_one_class_has_no_entropy(self):
        scored = table([[1]], [[2]], [1])
        scores = baselines(scored, config(), None)
        assert scores["majority_class"]["cross_entropy"] == 0.0


def test_side_biases_score_on_movielens_what_peers_measured():
    folder = pathlib.Path(os.environ.get("O2V_DATA_DIR") or "", "ml-100k")
    if not (folder / "ua.base").is_file():
        pytest.skip("needs ml-100k in the folder that O2V_DATA_DIR names")
    training, scored = (
        table(*np.loadtxt(folder / name, dtype=np.int64).T[:3])
        for name in ("ua.base", "ua.test")
    )
    ratings = RATINGS.replace(enc0_vocab_size=1683)
    scores = baselines(scored, ratings, training)
    # Surprise 1.1.5, BaselineOnly, on the same split.
    error = scores["side_biases"]["root_mean_squared_error"]
    assert error == pytest.approx(0.9638, abs=1e-4)
