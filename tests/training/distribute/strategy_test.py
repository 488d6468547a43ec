"""What needs no second process; `workers_test.py` has the rest."""

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import all_gather
from o2v_keras.training.distribute.strategy import broadcast_from_chief
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.distribute.strategy import require_agreement
from tests.training.small_training import make_config
from tests.training.small_training import make_source

HCNN = {"enc0_network": "hcnn", "enc0_layers": 2, "enc0_token_embedding_dim": 6}
BILSTM = {"enc0_network": "bilstm", "enc0_token_embedding_dim": 6}
POOLED = {"enc0_network": "pooled_embedding"}
TIED = {"tied_token_embedding_weight": True}
REGRESSION = {"output_layer": "mean_squared_error"}
VARIANTS = {
    "hcnn": {**HCNN, **REGRESSION, "weight_decay": 0.1},
    "hcnn_tied": {**HCNN, **TIED},
    "bilstm": BILSTM,
    "bilstm_tied": {**BILSTM, **TIED, **REGRESSION},
    # Adam divides by gradients that may be rounding alone: small steps.
    "pooled_tied": {
        **POOLED,
        **TIED,
        "optimizer": "adam",
        "learning_rate": 0.01,
    },
    "row_sparse": {
        **BILSTM,
        "token_embedding_storage_type": "row_sparse",
        "optimizer": "adagrad",
        "weight_decay": 0.1,
    },
    "row_sparse_tied": {
        **POOLED,
        **TIED,
        "token_embedding_storage_type": "row_sparse",
        "optimizer": "adam",
        "learning_rate": 0.01,
    },
    "pooled_with_negatives": {
        **POOLED,
        "negative_sampling_rate": 2,
        "bucket_width": 3,
    },
    # Batches of two groups, and a last one that leaves a replica without any.
    "transformer": {"enc0_network": "transformer", "enc0_layers": 1},
    "bpr": {
        **POOLED,
        "output_layer": "bpr",
        "negative_sampling_rate": 2,
        "bucket_width": 3,
    },
    # Small steps: cosines of short encodings turn quickly.
    "cosent": {**POOLED, "output_layer": "cosent", "learning_rate": 0.01},
    "embedding": {
        **POOLED,
        "output_layer": "embedding",
        "target_embedding_file": "targets.npy",
        "target_embedding_dim": 6,
        "bucket_width": 3,
    },
}
# Their training labels differ.
OF_LABELS = ("cosent", "embedding")
# Covered in parts by the others.
SLOW = {
    *("bilstm", "bilstm_tied", "hcnn", "hcnn_tied"),
    *("row_sparse_tied", "transformer", "bpr", "embedding"),
    *("cosent", "pooled_tied"),
}
TWO = Worker(0, ("a:1", "b:1"))


def make_tables(validation_label, label=1):
    # A last batch of one row, which leaves a replica without any.
    sources = (
        make_source(17, label=label),
        make_source(11, label=validation_label),
    )
    tables = [PairTable.from_arrays(*source.values()) for source in sources]
    return dict(zip(("train", "validation"), tables, strict=True))


def fit(config, replicas, steps_per_execution=1):
    """Returns the model after two epochs, and their metrics."""
    strategy = make_strategy(replicas, config.mini_batch_size)
    with strategy.scope():
        model = Object2Vec(config)
    model.steps_per_execution = steps_per_execution
    label = 1 if config.output_layer == "bpr" else None
    train_label = None if config.output_layer in OF_LABELS else 1
    train, validation = (
        PairBatches(table, config, name == "train", replicas).dataset()
        for name, table in make_tables(label, train_label).items()
    )
    history = model.fit(
        train, validation_data=validation, epochs=2, shuffle=False, verbose=0
    )
    return model, history.history


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            changes, id=name, marks=[pytest.mark.slow] * (name in SLOW)
        )
        for name, changes in VARIANTS.items()
    ],
)
def test_replicas_change_nothing(changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    targets = np.random.default_rng(0).normal(size=(2, 6))
    np.save("targets.npy", targets.astype("float32"))
    fields = {"optimizer": "sgd", "learning_rate": 0.3, "mini_batch_size": 8}
    config = make_config(**{**fields, **changes})
    start = Object2Vec(config).get_weights()
    (one, metrics1), (two, metrics2) = (
        fit(config, replicas) for replicas in (1, 2)
    )
    assert two.distribute_strategy.num_replicas_in_sync == 2
    assert metrics1.keys() == metrics2.keys()
    for name, values in metrics1.items():
        np.testing.assert_allclose(
            metrics2[name], values, rtol=1e-5, err_msg=name
        )
    weights = one.get_weights(), two.get_weights()
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    moved = [
        not np.allclose(*pair) for pair in zip(start, weights[1], strict=True)
    ]
    assert all(moved)


def test_replicas_may_play_several_steps_an_execution():
    config = make_config(optimizer="adagrad", mini_batch_size=8)
    # Three batches of training, two of validation: the last execution is short.
    (one, metrics1), (two, metrics2) = (fit(config, 2, n) for n in (1, 2))
    assert metrics1 == metrics2
    assert two.optimizer.iterations.numpy() == 6
    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_reported_values_count_real_rows_only():
    config = make_config()
    table = make_tables(None)["validation"]
    with make_strategy(2, 8).scope():
        model = Object2Vec(config)
    dataset = PairBatches(table, config, False, replicas=2).dataset()
    metrics = model.evaluate(dataset, return_dict=True, verbose=0)
    batches = PairBatches(table, config, False).dataset()
    scores = np.concatenate([model(inputs) for inputs, _ in batches])
    labels = table.labels.astype(int)
    entropy = -np.log(scores[np.arange(11), labels].astype("float64")).mean()
    assert metrics["loss"] == pytest.approx(entropy, rel=1e-5)
    assert metrics["cross_entropy"] == pytest.approx(entropy, rel=1e-5)
    accuracy = (scores.argmax(axis=1) == labels).mean()
    assert metrics["accuracy"] == pytest.approx(accuracy, rel=1e-6)


def test_one_replica_needs_no_strategy():
    assert make_strategy(1, 8) is tf.distribute.get_strategy()
    assert make_strategy(None, 7) is tf.distribute.get_strategy()


def test_takes_all_gpus_by_default(monkeypatch):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    cpu = tf.config.list_physical_devices("CPU")
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind: [gpu, gpu] if kind == "GPU" else cpu,
    )
    grown = []
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda device, on: grown.append((device, on)),
    )
    with pytest.raises(ValueError, match="multiple of .*, replicas=2"):
        make_strategy(None, 7)
    assert grown == [(gpu, True)] * 2
    with pytest.raises(ValueError, match="number of GPUs, 0.*replicas=2"):
        make_strategy(2, 8)


@pytest.mark.parametrize("replicas", [0, -1])
def test_needs_a_replica(replicas):
    with pytest.raises(ValueError, match="at least 1. .*replicas="):
        make_strategy(replicas, 8)


def test_the_batch_must_divide():
    message = "multiple of `replicas`.* mini_batch_size=9, replicas=2"
    with pytest.raises(ValueError, match=message):
        make_strategy(2, 9)


def test_the_batch_must_divide_among_workers():
    worker = Worker(0, ("a:1", "b:1", "c:1"))
    message = "share every batch equally, 3 workers x 1. .*mini_batch_size=8"
    with pytest.raises(ValueError, match=message):
        make_strategy(None, 8, worker)


def test_workers_must_be_named_before_tensorflow_starts():
    tf.config.list_logical_devices()
    message = "`TF_CONFIG` must be set before TensorFlow starts its devices"
    with pytest.raises(ValueError, match=message):
        make_strategy(None, 8, Worker(0, ("127.0.0.1:1", "127.0.0.1:2")))


def test_logical_devices_must_be_made_first():
    tf.config.list_logical_devices()
    message = "2 CPU device.*`o2v train --replicas 3`.*Received: replicas=3"
    with pytest.raises(ValueError, match=message):
        make_strategy(3, 9)


class Strategy:
    """Adds what another worker sends, message by message."""

    def __init__(self, *messages):
        self.messages = list(messages)

    def reduce(self, operation, value, axis):
        assert (operation, axis) == ("SUM", None)
        other = self.messages.pop(0)
        return value + tf.constant(other, value.dtype)


def other_says(text):
    own = len('{"seed": 1}')
    rows = [[0] * own, [*text.encode()]]
    return Strategy([0, len(text)], rows)


def test_a_worker_alone_hears_itself():
    strategy = tf.distribute.get_strategy()
    assert all_gather(strategy, Worker(), ["é"]) == [["é"]]
    assert broadcast_from_chief(strategy, Worker(), True) is True
    require_agreement(strategy, Worker(), {"seed": 1})


def test_tells_all_in_order():
    told = all_gather(other_says('{"seed": 1}'), TWO, {"seed": 1})
    assert told == [{"seed": 1}, {"seed": 1}]


def test_names_who_differs_in_what():
    message = (
        r"same seed, but worker 1 \(b:1\) differs from worker 0 \(a:1\).*"
        "Received: seed=1 and 2"
    )
    with pytest.raises(ValueError, match=message):
        require_agreement(other_says('{"seed": 2}'), TWO, {"seed": 1})


@pytest.mark.parametrize(
    ("index", "answer", "other", "agreed"),
    [(0, True, 0, True), (0, False, 0, False), (1, True, 0, False)],
)
def test_the_chief_decides(index, answer, other, agreed):
    worker = Worker(index, TWO.addresses)
    assert broadcast_from_chief(Strategy([other]), worker, answer) is agreed
