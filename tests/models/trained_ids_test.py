import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences
from o2v_keras.models.trained_ids import TrainedIds


def make_config(**changes):
    fields = {"enc0_max_seq_len": 2, "enc0_vocab_size": 9}
    return Object2VecConfig(**{**fields, **changes})


def trained(config):
    ids = TrainedIds(config)
    ids.add(
        PairTable.from_arrays(
            [[1, 2, 3], [4, 0], [5]], [[6], [7], [8]], [0, 1, 1], [1, 2, 0]
        )
    )
    return ids.settled(config)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"in0": [1, 2, 4], "in1": [6, 7]}),
        (
            {"tied_token_embedding_weight": True},
            {"in0": [1, 2, 4, 6, 7], "in1": [1, 2, 4, 6, 7]},
        ),
        (
            {"enc0_id_dropout": 0.1, "enc0_unknown_id": 3},
            {"in0": [1, 2, 3, 4], "in1": [3, 6, 7]},
        ),
        ({"enc0_pretrained_embedding_file": "vectors.txt"}, {}),
    ],
    ids=["ids", "tied", "id_dropout", "pretrained"],
)
def test_ids_that_training_reaches(changes, expected):
    sides = trained(make_config(**changes)).sides
    found = {name: np.flatnonzero(s).tolist() for name, s in sides.items()}
    assert found == expected


def test_rows_without_a_trained_id(tmp_path):
    trained(make_config()).save(tmp_path / "ids.npz")
    ids = TrainedIds.load(tmp_path / "ids.npz", make_config())
    rows = Sequences.from_any([[3], [3, 1], [3, 8, 1], [0], [4]], "in0")
    expected = [True, False, True, True, False]
    assert ids.untrained("in0", rows).tolist() == expected


def test_ids_of_a_smaller_model_are_joined():
    grown = trained(make_config(enc0_vocab_size=12))
    first = TrainedIds(make_config())
    first.sides["in0"][3] = True
    grown.join(first)
    assert np.flatnonzero(grown.sides["in0"]).tolist() == [1, 2, 3, 4]
