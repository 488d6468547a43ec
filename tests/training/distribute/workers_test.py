"""Two worker processes against one process with the same global batch."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec
from tests.training.distribute.worker_processes import read_log
from tests.training.distribute.worker_processes import start_workers
from tests.training.distribute.worker_program import SGD
from tests.training.distribute.worker_program import run
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import write_records

FILES = [
    ".o2v.json",
    # Of the last checkpoint and of the one before it.
    "best_weights.0.zip",
    "best_weights.2.zip",
    "checkpoint.earlier.zip",
    "checkpoint.zip",
    "config.json",
    "history.csv",
    "hyperparameters.json",
    "logs",
    "metrics.json",
    "model.keras",
    "trained_ids.npz",
]
# Worker 0 reads the first and the last: 19 rows in five batches of four;
# worker 1 has seven rows in two batches, and three of fill rows.
FILE_ROWS = (9, 7, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two workers have left what they have to say."""
    folder = tmp_path_factory.mktemp("workers")
    for number, rows in enumerate(FILE_ROWS):
        write_records(folder / f"part{number}.jsonl", make_source(rows))
    return train_in_two(folder, "pooled")


def train_in_two(folder, variant):
    program = [
        "-m",
        "tests.training.distribute.worker_program",
        str(folder),
        variant,
    ]
    workers = start_workers(program, folder)
    try:
        statuses = [worker.wait(timeout=150) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert statuses == [0, 0], [read_log(folder, i) for i in (0, 1)]
    return folder


def outcomes(folder, name):
    paths = (folder / f"{name}.{index}.json" for index in (0, 1))
    return [json.loads(path.read_text()) for path in paths]


def assert_same_as_one_worker(folder, variant):
    alone = run(variant, folder / "alone")
    for outcome in outcomes(folder, variant):
        history = outcome["history"]
        assert history.keys() == alone.history.history.keys()
        for name, values in alone.history.history.items():
            if name not in ("seconds", "examples_per_second"):
                np.testing.assert_allclose(
                    history[name], values, rtol=1e-5, err_msg=name
                )
        test = outcome["report"]["test"]
        assert test == pytest.approx(alone.report["test"], rel=1e-5)
    for index in (0, 1):
        with np.load(folder / f"{variant}.{index}.npz") as arrays:
            weights = list(arrays.values())
        for weight, other in zip(
            weights, alone.model.get_weights(), strict=True
        ):
            np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


def test_two_workers_train_as_one(folder):
    assert_same_as_one_worker(folder, "pooled")


def test_files_are_shared_out(folder):
    """The first epoch's batches are known, so one process can repeat them."""
    config = make_config(**{**SGD, "mini_batch_size": 4})
    tables = [
        PairTable.concat(
            [PairTable.from_arrays(*make_source(n).values()) for n in rows]
        )
        for rows in ((9, 10), (7,))
    ]
    own = [list(PairBatches(t, config, True).dataset()) for t in tables]
    assert [len(batches) for batches in own] == [5, 2]
    model = Object2Vec(config)
    model.initialize_bias(np.concatenate([table.labels for table in tables]))
    model.fit(
        tf.data.Dataset.from_generator(
            lambda: joined(*own),
            output_signature=(
                {
                    name: tf.TensorSpec((None, None), tf.int64)
                    for name in ("in0", "in1")
                },
                tf.TensorSpec((None,), tf.int64),
            ),
        ).apply(tf.data.experimental.assert_cardinality(5)),
        shuffle=False,
        verbose=0,
    )
    validation = PairTable.from_arrays(*make_source(11).values())
    loss = model.evaluate(
        PairBatches(validation, config, False).dataset(),
        return_dict=True,
        verbose=0,
    )["loss"]
    for history in outcomes(folder, "by_file"):
        assert history["val_loss"] == pytest.approx([loss], rel=1e-5)


def joined(first, second):
    """Global batches: of both workers, then of the one that has any left."""
    for number, (inputs, labels) in enumerate(first):
        if number < len(second):
            others, other_labels = second[number]
            inputs = {
                name: tf.ragged.stack(
                    [*inputs[name].numpy(), *others[name].numpy()]
                ).to_tensor()
                for name in inputs
            }
            labels = tf.concat([labels, other_labels], axis=0)
        yield inputs, labels


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["bilstm", "in_batch_softmax"])
def test_two_workers_train_variants_as_one(tmp_path, variant):
    train_in_two(tmp_path, variant)
    assert_same_as_one_worker(tmp_path, variant)


def test_all_stop_early_together(folder):
    for outcome in outcomes(folder, "pooled"):
        assert len(outcome["history"]["loss"]) == 3


def test_only_the_chief_writes_and_prints(folder):
    model_dir = folder / "pooled"
    assert sorted(file.name for file in model_dir.iterdir()) == FILES
    logs = [file.parent.name for file in model_dir.rglob("events.*")]
    assert sorted(logs) == ["train", "validation"]
    assert "model directory:" in read_log(folder, 0)
    waits = r"worker 1 of 2 waits for the chief at 127\.0\.0\.1:\d+"
    assert re.fullmatch(waits, read_log(folder, 1))


def test_keras_still_needs_our_help(folder):
    """Fails when a newer Keras fits under several workers by itself.

    Then `training/distribution.py` can do without what its tests are about.
    """
    for errors in outcomes(folder, "errors"):
        assert "Attempt to convert a value" in errors["symbolic_build"]
        assert "Invalid reduction dimension 0" in errors["metrics"]


def test_workers_must_train_the_same(folder):
    for errors in outcomes(folder, "errors"):
        expected = "same hyperparameters, but worker 1 (127.0.0.1:"
        assert expected in errors["disagreement"]
        assert "'seed': 1" in errors["disagreement"]


def test_workers_choose_their_devices_themselves(folder):
    for errors in outcomes(folder, "errors"):
        assert "`replicas` must be left out" in errors["late_replicas"]
