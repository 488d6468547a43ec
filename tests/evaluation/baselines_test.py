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

    def test_a_sequence_side_has_no_side_mean(self):
        training = table([[1], [2]], [[5, 6], [6]], [1.0, 3.0])
        scores = baselines(self.scored, RATINGS, training)
        assert scores.keys() == {"global_mean", "in0_mean"}

    def test_without_training_data_the_split_speaks_for_itself(self):
        scores = baselines(self.scored, RATINGS, None)
        assert scores.keys() == {"global_mean"}
        assert scores["global_mean"]["loss"] == pytest.approx(2 / 3)


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
