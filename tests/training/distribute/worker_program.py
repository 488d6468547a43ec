"""What each process of a two-worker test runs: several trainings in a row.

Usage: python -m tests.training.distribute.worker_program FOLDER VARIANT...
"""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import WorkersStrategy
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

SGD = {"optimizer": "sgd", "learning_rate": 0.3, "mini_batch_size": 8}
VARIANTS = {
    # Stops after three epochs of eight, and negatives make a last batch of
    # four rows.
    "pooled": {
        **SGD,
        "epochs": 8,
        "early_stopping_patience": 1,
        "early_stopping_tolerance": 1.0,
        "negative_sampling_rate": 1,
    },
    "bilstm": {
        **SGD,
        "enc0_network": "bilstm",
        "enc0_token_embedding_dim": 6,
        "bucket_width": 2,
        "weight_decay": 0.01,
        "negative_sampling_rate": 1,
    },
    # Negatives come from all workers, known positives from all of the data.
    "in_batch_softmax": {
        **SGD,
        "output_layer": "in_batch_softmax",
        "similarity": "dot",
        "temperature": 0.5,
        "negative_sampling_side": "both",
        "learn_temperature": True,
    },
}


def run(variant, model_dir):
    """Returns one variant's result; the data is the same for everyone."""
    config = make_config(**VARIANTS[variant])
    train_source, validation, test = (
        make_source(rows, label=label)
        for rows, label in ((22, 1), (11, None), (9, None))
    )
    return train(config, train_source, validation, test, model_dir=model_dir)


def run_by_file(folder):
    """Trains on three files, of which this worker reads its own."""
    return train(
        make_config(**SGD, epochs=1),
        str(folder / "part*.jsonl"),
        make_source(11),
        model_dir=folder / "by_file",
        shard_by="file",
        verbose=0,
    )


def error_of(action):
    """Returns the text of the error that `action` ends in."""
    try:
        action()
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def fit_without_our_help(worker, stock_reduce):
    """Keras's own `fit` under several workers."""
    strategy = make_strategy(None, 8, worker)
    config = make_config(**SGD)
    with strategy.scope():
        model = Object2Vec(config)
    table = PairTable.from_arrays(*make_source(16).values())
    share = worker.index, worker.count
    batches = PairBatches(table, config, True, 2, share)
    ours = WorkersStrategy.reduce
    if stock_reduce:
        del WorkersStrategy.reduce
    try:
        model.fit(batches.dataset(), shuffle=False, verbose=0)
    finally:
        WorkersStrategy.reduce = ours


def disagree(worker, model_dir):
    config = make_config(**SGD, seed=worker.index)
    train(config, make_source(16), model_dir=model_dir, verbose=0)


def main(folder, *variants):
    folder = pathlib.Path(folder)
    worker = Worker.from_environment()
    for variant in variants:
        model_dir = folder / variant
        result = run(variant, model_dir)
        np.savez(
            folder / f"{variant}.{worker.index}.npz",
            *result.model.get_weights(),
        )
        outcome = {
            "history": result.history.history,
            "report": result.report,
        }
        path = folder / f"{variant}.{worker.index}.json"
        path.write_text(json.dumps(outcome))
    if "pooled" in variants:
        by_file = run_by_file(folder)
        path = folder / f"by_file.{worker.index}.json"
        path.write_text(json.dumps(by_file.history.history))
        errors = {
            "symbolic_build": error_of(
                lambda: fit_without_our_help(worker, stock_reduce=True)
            ),
            "metrics": error_of(
                lambda: fit_without_our_help(worker, stock_reduce=False)
            ),
            "disagreement": error_of(
                lambda: disagree(worker, folder / "disagree")
            ),
            "late_replicas": error_of(lambda: make_strategy(2, 8, worker)),
        }
        path = folder / f"errors.{worker.index}.json"
        path.write_text(json.dumps(errors))


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    main(*sys.argv[1:])
