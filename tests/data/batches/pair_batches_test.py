import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable

MAX_SEQ_LEN = 6
BUCKETS = {"bucket_width": 2}
NEGATIVES = {"negative_sampling_rate": 2}


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": MAX_SEQ_LEN,
        "enc0_vocab_size": 30,
        "mini_batch_size": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table(rows=21):
    """Rows of 1 to 8 random ids, some longer than `MAX_SEQ_LEN`."""
    rng = np.random.default_rng(rows)
    sides = [
        [rng.integers(1, 30, rng.integers(1, 9)) for _ in range(rows)]
        for _ in range(2)
    ]
    return PairTable.from_arrays(*sides, np.ones(rows))


def make_batches(table=None, training=True, replicas=1, **changes):
    table = make_table() if table is None else table
    return PairBatches(table, make_config(**changes), training, replicas)


def play(dataset):
    return [tf.nest.map_structure(np.asarray, batch) for batch in dataset]


def assert_same_batches(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def differ(first, second):
    with pytest.raises(AssertionError):
        assert_same_batches(first, second)
    return True


@pytest.mark.parametrize(
    "changes", [{}, {**BUCKETS, **NEGATIVES}], ids=["plain", "all"]
)
def test_batches_hold_the_planned_rows_padded_to_the_longest(changes):
    table = make_table()
    batches = make_batches(table, **changes)
    plan = EpochPlanner(table, make_config(**changes), training=True).plan(0)
    widths = set()
    starts, stops = plan.batch_offsets[:-1], plan.batch_offsets[1:]
    for (inputs, labels), start, stop in zip(
        play(batches.dataset()), starts, stops, strict=True
    ):
        np.testing.assert_array_equal(labels, plan.labels[start:stop])
        sides = {
            "in0": (table.in0, plan.in0_rows),
            "in1": (table.in1, plan.in1_rows),
        }
        for name, (side, rows) in sides.items():
            kept = [side[row][:MAX_SEQ_LEN] for row in rows[start:stop]]
            width = max(map(len, kept))
            expected = [np.pad(ids, (0, width - len(ids))) for ids in kept]
            np.testing.assert_array_equal(inputs[name], expected)
            assert inputs[name].dtype == np.int64
            widths.add(width)
    assert MAX_SEQ_LEN in widths
    assert min(widths) < MAX_SEQ_LEN


def test_each_side_has_its_own_longest_row():
    table = PairTable.from_arrays([[1, 2, 3]], [[4, 5, 6, 7]], [1])
    config = make_config(
        enc1_network="hcnn",
        enc0_max_seq_len=2,
        enc1_max_seq_len=3,
        enc1_vocab_size=9,
    )
    ((inputs, _),) = play(PairBatches(table, config, False).dataset())
    assert inputs["in0"].tolist() == [[1, 2]]
    assert inputs["in1"].tolist() == [[4, 5, 6]]


def test_buckets_leave_few_shapes():
    table = make_table(300)

    def tokens_and_shapes(**changes):
        dataset = make_batches(table, mini_batch_size=16, **changes).dataset()
        shapes = [inputs["in0"].shape for inputs, _ in play(dataset)]
        return sum(map(np.prod, shapes)), len({s[1] for s in shapes})

    # The three buckets of a side have one width each, and less padding.
    tokens, widths = tokens_and_shapes(bucket_width=2)
    assert widths == 3
    assert tokens < 0.8 * tokens_and_shapes()[0]


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "changes",
    [{}, BUCKETS, NEGATIVES, {**BUCKETS, **NEGATIVES}],
    ids=["plain", "buckets", "negatives", "both"],
)
def test_cardinality_is_what_every_epoch_yields(changes, training, replicas):
    batches = make_batches(None, training, replicas, **changes)
    dataset = batches.dataset(advance=True)
    assert int(dataset.cardinality()) == batches.num_batches
    for _ in range(3):
        assert len(play(dataset)) == batches.num_batches
    assert batches.epoch == 3


@pytest.mark.parametrize(
    ("output_layer", "dtype"),
    [("softmax", np.int64), ("mean_squared_error", np.float32)],
)
def test_labels_have_the_dtype_of_the_task(output_layer, dtype):
    batches = make_batches(output_layer=output_layer)
    for _, labels in play(batches.dataset()):
        assert labels.dtype == dtype
        assert labels.ndim == 1


def test_several_replicas_get_weights_and_batches_that_divide():
    batches = make_batches(replicas=2)
    played = play(batches.dataset())
    weights = [weight for _, _, weight in played]
    assert [w.tolist() for w in weights[-2:]] == [[1, 1, 1, 1], [1, 0]]
    for inputs, labels, weight in played:
        lengths = {len(inputs["in0"]), len(inputs["in1"]), len(labels)}
        assert lengths == {len(weight)}
        assert weight.dtype == np.float32


def test_a_pass_plays_the_epoch_that_is_set_when_it_begins():
    batches = make_batches()
    dataset = batches.dataset()
    epochs = []
    for epoch in (0, 1, 2, 1):
        batches.epoch = epoch
        epochs.append(play(dataset))
    assert_same_batches(epochs[3], epochs[1])
    assert differ(epochs[0], epochs[1])
    assert differ(epochs[1], epochs[2])
    assert batches.epoch == 1


def test_passes_advance_when_asked_to():
    batches = make_batches(**NEGATIVES)
    passes = [play(batches.dataset(advance=True)) for _ in range(2)]
    for epoch in range(2):
        batches.epoch = epoch
        assert_same_batches(passes[epoch], play(batches.dataset()))


def test_opening_an_iterator_plays_nothing():
    batches = make_batches()
    dataset = batches.dataset(advance=True)
    unused = iter(dataset)
    assert batches.epoch == 0
    next(unused)
    assert batches.epoch == 1


def test_element_shapes_are_known_but_for_rows_and_lengths():
    inputs, labels, weights = make_batches(replicas=2).dataset().element_spec
    assert inputs["in0"].shape.as_list() == [None, None]
    assert inputs["in1"].shape.as_list() == [None, None]
    assert labels.shape.as_list() == [None]
    assert weights.shape.as_list() == [None]


def test_counts_negatives_without_a_partner():
    table = PairTable.from_arrays([1, 1, 2], [3, 4, 3], np.ones(3))
    batches = make_batches(table, **NEGATIVES)
    assert batches.num_rows == 5
    assert batches.left_out_negatives(0) == 4
    assert make_batches(**NEGATIVES).left_out_negatives(0) == 0


def test_shares_cut_the_batches_that_one_would_play():
    table = make_table()
    config = make_config(**BUCKETS, **NEGATIVES)
    whole = play(PairBatches(table, config, True, 2).dataset())
    shares = [
        play(PairBatches(table, config, True, 2, (i, 2)).dataset())
        for i in (0, 1)
    ]
    for batch, *parts in zip(whole, *shares, strict=True):
        for index, part in enumerate(parts):
            (inputs, *columns), (own, *own_columns) = batch, part
            for column, other in zip(columns, own_columns, strict=True):
                np.testing.assert_array_equal(other, column[index::2])
            for name, ids in inputs.items():
                longest = own[name].shape[1]
                np.testing.assert_array_equal(
                    own[name], ids[index::2, :longest]
                )
                assert not ids[index::2, longest:].any()


def test_filled_up_batches_have_no_weight():
    batches = make_batches(make_table(6), replicas=2)
    assert batches.num_batches == 2
    batches.fill_up(4)
    elements = play(batches.dataset())
    assert [list(weights) for _, _, weights in elements] == [
        [1, 1, 1, 1],
        [1, 1],
        [0, 0],
        [0, 0],
    ]
    assert int(batches.dataset().cardinality()) == 4
    _, labels, _ = elements[-1]
    assert labels.shape == (2,)
