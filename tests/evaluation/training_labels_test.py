import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import PairTable
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.evaluation.training_labels import TrainingLabels


def config(**fields):
    return Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=99, **fields)


def make_table(rows, classes):
    rng = np.random.default_rng(rows)
    return PairTable.from_arrays(
        rng.integers(1, 40, rows),
        rng.integers(1, 60, rows),
        rng.integers(0, classes, rows),
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"output_layer": "mean_squared_error"},
        {"num_classes": 6},
        {"num_classes": 6, "negative_sampling_rate": 1},
    ],
    ids=["values", "classes", "negatives"],
)
def test_pieces_give_the_baselines_of_the_whole(settings):
    table, scored = make_table(500, 6), make_table(80, 6)
    labels = TrainingLabels(config(**settings))
    for rows in np.split(np.arange(500), [1, 7, 300]):
        labels.add(table.take(rows))
    expected = baselines(scored, config(**settings), table)
    # Needs the pairs themselves.
    expected.pop("side_biases", None)
    assert baselines(scored, config(**settings), labels) == expected
    sides = 0 if "negative_sampling_rate" in settings else 2
    assert len(expected) == 1 + sides


def test_a_side_stays_out_once_a_sequence_was_seen():
    labels = TrainingLabels(config())
    for in0 in ([[1]], [[1, 2]], [[3]]):
        labels.add(PairTable.from_arrays(in0, [[4]], [1]))
    assert list(labels.sides) == ["in1"]
    assert labels.sides["in1"][4].tolist() == [0, 3]
