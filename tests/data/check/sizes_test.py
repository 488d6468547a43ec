import pytest

from o2v_keras.data.check.sizes import proposal_text
from o2v_keras.data.check.sizes import propose_sizes
from o2v_keras.data.pair_table import PairTable


@pytest.fixture
def table():
    in0 = [[1, 2, 2, 3, 0, 0], [3]]
    return PairTable.from_arrays(in0, [[7, 0, 40], [5, 6]], [0, 4.5])


def test_sizes_fit_each_side(table):
    assert propose_sizes(table.sides, table.labels) == {
        "enc0_vocab_size": 4,
        "enc0_max_seq_len": 4,
        "enc1_vocab_size": 41,
        "enc1_max_seq_len": 3,
        "output_layer": "mean_squared_error",
    }


def test_one_set_of_sizes_fits_both_sides(table):
    sizes = propose_sizes(table.sides, enc1_copies_enc0=True)
    assert sizes["enc0_vocab_size"] == 41
    assert sizes["enc0_max_seq_len"] == 4
    assert not any(name.startswith("enc1") for name in sizes)


def test_smallest_sizes_are_valid_hyperparameters():
    table = PairTable.from_arrays(in1=[[0], [0, 0]])
    assert propose_sizes(table.sides, table.labels) == {
        "enc1_vocab_size": 2,
        "enc1_max_seq_len": 1,
    }


def test_proposes_nothing_without_a_usable_row():
    table = PairTable.from_arrays([], [], [])
    text = proposal_text(table.sides, table.labels, None)
    assert text == "No row is usable: there are no sizes to propose."


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param([0, 1, 1, 0, 1], 2, id="binary"),
        pytest.param([1, 1, 1, 1, 1], 2, id="positives"),
        pytest.param([0, 0, 0, 0, 0], 2, id="negatives"),
        pytest.param([1, 2, 3, 4, 5], 6, id="ratings"),
        pytest.param([1990, 2001, 1, 2, 3], None, id="years"),
        pytest.param([0, 1, 2, 3, -1], None, id="negative"),
        pytest.param([0, 1, 2, 3, 0.5], None, id="real"),
        pytest.param([0, 1, 2, 3, float("nan")], None, id="nan"),
        pytest.param([0, 1, 2, 3, float("inf")], None, id="infinite"),
    ],
)
def test_guesses_the_task_from_the_labels(labels, classes):
    table = PairTable.from_arrays([1] * 5, [1] * 5, labels)
    sizes = propose_sizes(table.sides, table.labels)
    assert sizes.get("num_classes") == classes
    task = "mean_squared_error" if classes is None else "softmax"
    assert sizes["output_layer"] == task
