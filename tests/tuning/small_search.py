"""A small search that the tuning tests share."""

import csv
import json

from o2v_keras.tuning.ranges import ValueRange
from o2v_keras.tuning.tune import tune
from tests.training.small_training import make_source

# Keras Tuner 1.4.8 asks for a thread by an old name.
IGNORED = "ignore:(currentThread|getName)\\(\\) is deprecated"
FIXED = {
    "enc0_network": "pooled_embedding",
    "enc0_max_seq_len": 5,
    "enc0_vocab_size": 30,
    "enc_dim": 8,
    "mlp_layers": 1,
    "mini_batch_size": 8,
    "epochs": 2,
    "optimizer": "adam",
}
RANGES = {"mlp_dim": ValueRange(4, 8), "learning_rate": ValueRange(0.001, 0.1)}


def small_search(directory, fixed=FIXED, ranges=RANGES, **settings):
    """Runs `tune` on 24 rows; no default ranges, and 2 trials."""
    if settings.get("search") != "hyperband":
        settings.setdefault("max_trials", 2)
    settings.setdefault("train", make_source(24))
    settings.setdefault("validation", make_source(10, seed=1))
    settings.setdefault("verbose", 0)
    return tune(
        fixed,
        directory=directory,
        ranges=ranges,
        default_ranges=False,
        **settings,
    )


def read_csv(path):
    """Returns the lines of `trials.csv` without what a clock wrote."""
    with open(path, newline="") as file:
        return [
            {n: v for n, v in line.items() if n != "seconds"}
            for line in csv.DictReader(file)
        ]


def read_json(path):
    return json.loads(path.read_text())
