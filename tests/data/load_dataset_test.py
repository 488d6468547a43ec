import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec


def make_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 4,
        "enc0_vocab_size": 30,
        "enc_dim": 8,
        "mlp_dim": 8,
        "mini_batch_size": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_source(rows=10, labels=None):
    rng = np.random.default_rng(0)
    sides = [
        [rng.integers(1, 30, rng.integers(1, 5)).tolist() for _ in range(rows)]
        for _ in range(2)
    ]
    labels = rng.integers(0, 2, rows).tolist() if labels is None else labels
    return {"in0": sides[0], "in1": sides[1], "label": labels}


def write_lines(path, source):
    records = [
        dict(zip(source, values, strict=True))
        for values in zip(*source.values(), strict=True)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def play(dataset):
    return [tf.nest.map_structure(np.asarray, batch) for batch in dataset]


def assert_same_batches(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def test_the_kth_pass_is_epoch_k():
    config = make_config(negative_sampling_rate=2)
    source = make_source(labels=[1] * 10)
    dataset = load_dataset(source, config)
    passes = [play(dataset) for _ in range(3)]
    again = load_dataset(source, config)
    batches = PairBatches(
        PairTable.from_arrays(*source.values()), config, training=True
    )
    for epoch, played in enumerate(passes):
        batches.epoch = epoch
        assert_same_batches(played, play(again))
        assert_same_batches(played, play(batches.dataset()))
    other = load_dataset(source, config.replace(seed=1))
    with pytest.raises(AssertionError):
        assert_same_batches(passes[0], play(other))


def test_scoring_keeps_rows_and_order_in_every_pass():
    source = make_source()
    config = make_config(bucket_width=1)
    dataset = load_dataset(source, config, training=False)
    for _ in range(2):
        labels = np.concatenate([labels for _, labels in play(dataset)])
        np.testing.assert_array_equal(labels, source["label"])


def test_takes_every_kind_of_source(tmp_path):
    source = make_source()
    columns = source.items()
    first = write_lines(
        tmp_path / "a.jsonl", {name: v[:6] for name, v in columns}
    )
    second = write_lines(
        tmp_path / "b.jsonl", {name: v[6:] for name, v in columns}
    )
    expected = play(load_dataset(source, make_config()))
    for other in (
        PairTable.from_arrays(*source.values()),
        [first, str(second)],
        str(tmp_path / "*.jsonl"),
        write_lines(tmp_path / "both", source).rename(tmp_path / "c.json"),
    ):
        assert_same_batches(play(load_dataset(other, make_config())), expected)


def test_names_missing_keys():
    source = {"in0": [[1]], "labels": [1]}
    with pytest.raises(ValueError, match="Missing: in1, label\\. There"):
        load_dataset(source, make_config())


def test_stops_at_bad_data_with_file_and_line(tmp_path):
    source = make_source()
    source["in1"][6] = [3, 30]
    path = write_lines(tmp_path / "bad.jsonl", source)
    with open(path, "a") as file:
        file.write('{"in0": [1], "in1": 2}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl:7: in1\[1\]=30") as raised:
        load_dataset(path, make_config())
    assert "bad.jsonl:11: " in str(raised.value)


def test_stops_at_data_without_rows():
    with pytest.raises(DataError, match="at least one row. Received: 0 rows"):
        load_dataset({"in0": [], "in1": [], "label": []}, make_config())


def test_only_training_data_must_be_positive():
    config = make_config(negative_sampling_rate=1)
    source = make_source()
    with pytest.raises(DataError, match="label"):
        load_dataset(source, config)
    load_dataset(source, config, training=False)


def test_warns_once_with_counts():
    source = make_source()
    source["in0"][2] = source["in0"][5] = [1, 2, 3, 4, 5]
    with pytest.warns(UserWarning, match=r"\(2 rows\)") as caught:
        load_dataset(source, make_config())
    assert len(caught) == 1


def test_warns_of_negatives_without_a_partner():
    source = {"in0": [1, 1, 2], "in1": [3, 4, 3], "label": [1, 1, 1]}
    with pytest.warns(UserWarning, match="^4 negatives an epoch") as caught:
        load_dataset(source, make_config(negative_sampling_rate=2))
    assert len(caught) == 1


def test_bad_rows_go_to_a_side_file_on_request(tmp_path):
    source = make_source()
    source["label"][3] = 7
    rejected = tmp_path / "rejected.jsonl"
    with pytest.warns(UserWarning, match="1 of 10 rows"):
        dataset = load_dataset(
            source,
            make_config(),
            rejected_rows_file=rejected,
            max_skipped=0.1,
        )
    assert sum(len(labels) for _, labels in play(dataset)) == 9
    assert "label=7" in rejected.read_text()


def test_fit_takes_our_dataset_the_users_own_and_arrays():
    source = make_source()
    config = make_config(learning_rate=0.1)
    arrays = {
        name: keras.utils.pad_sequences(source[name], padding="post")
        for name in ("in0", "in1")
    }
    labels = np.array(source["label"])
    own = tf.data.Dataset.from_tensor_slices((arrays, labels)).batch(4)
    losses = []
    for data in (
        {"x": load_dataset(source, config, training=False)},
        {"x": own},
        {"x": arrays, "y": labels, "batch_size": 4},
    ):
        model = Object2Vec(config)
        history = model.fit(**data, epochs=2, shuffle=False, verbose=0)
        # Keras counts a step too many where the cardinality is unknown.
        assert int(model.optimizer.iterations) == 6
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-5)
    assert losses[0][1] < losses[0][0]


def test_names_what_is_no_configuration():
    source = {"in0": [[1]], "in1": [[2]], "label": [1]}
    with pytest.raises(TypeError, match="from_hyperparameters. .*: dict"):
        load_dataset(source, {"enc0_vocab_size": 9})
