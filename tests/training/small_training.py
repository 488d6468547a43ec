"""Small data and configurations that the training tests share."""

import csv
import json

import numpy as np

from o2v_keras.config import Object2VecConfig

TIMING = ("seconds", "examples_per_second")


def make_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 5,
        "enc0_vocab_size": 30,
        "enc_dim": 8,
        "mlp_layers": 1,
        "mlp_dim": 8,
        "mlp_activation": "tanh",
        "mini_batch_size": 8,
        "learning_rate": 0.02,
        "epochs": 2,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_source(rows, seed=0, label=None):
    """Sequences of 1 to 5 ids; labels 0 and 1 at random, or all `label`."""
    rng = np.random.default_rng([rows, seed])
    sides = {
        name: [rng.integers(1, 30, rng.integers(1, 6)) for _ in range(rows)]
        for name in ("in0", "in1")
    }
    labels = rng.integers(0, 2, rows)
    return {**sides, "label": labels if label is None else [label] * rows}


def write_records(path, source):
    """Writes a source as JSON Lines."""
    with open(path, "w") as file:
        for in0, in1, label in zip(*source.values(), strict=True):
            record = {"in0": in0.tolist(), "in1": in1.tolist()}
            file.write(json.dumps({**record, "label": int(label)}) + "\n")


def read_history(model_dir):
    """Returns the lines of `history.csv` without what a clock wrote."""
    with open(model_dir / "history.csv", newline="") as file:
        return [
            {n: float(v) for n, v in line.items() if n not in TIMING}
            for line in csv.DictReader(file)
        ]
