"""Batches alone, and how long a training waits for them.

Run with `make bench` or `python -m benchmarks.feeding`. The training is that
of MovieLens 100k in the folder that `O2V_DATA_DIR` names, or of as many ids
drawn at random.
"""

import os
import pathlib
import statistics
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.interleaved import Timing  # noqa: E402
from benchmarks.interleaved import interleaved  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import Object2Vec  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras.data.batches.epoch_plan import EpochPlanner  # noqa: E402
from o2v_keras.data.batches.pair_batches import PairBatches  # noqa: E402
from o2v_keras.data.pair_table import PairTable  # noqa: E402
from o2v_keras.data.provenance import Provenance  # noqa: E402
from o2v_keras.data.sequences import Sequences  # noqa: E402
from o2v_keras.models.presets import MOVIELENS_RATING  # noqa: E402
from o2v_keras.models.presets import SNLI  # noqa: E402
from o2v_keras.models.presets import WIKIPEDIA  # noqa: E402

REPEATS = sized(5, quick=1)
FITS = sized(3, quick=1)
STEPS = sized(250, quick=3)
ROWS = sized(30_000, quick=600)
PLANNED_ROWS = sized(1_000_000, quick=2_000)
GENERATOR = np.random.default_rng(0)


def _lengths(rows, median, longest):
    lengths = GENERATOR.lognormal(np.log(median), 0.5, rows).astype(int)
    return np.clip(lengths, 1, longest)


def _sequences(lengths, vocab_size):
    ids = GENERATOR.integers(1, vocab_size, lengths.sum())
    return Sequences.from_lengths(ids, lengths)


def _table(lengths0, lengths1, vocab_size, labels):
    return PairTable(
        _sequences(lengths0, vocab_size),
        _sequences(lengths1, vocab_size),
        labels,
        Provenance.in_memory(len(labels)),
    )


def _movielens():
    """100,000 users, films and ratings from 1 to 5."""
    path = pathlib.Path(os.environ.get("O2V_DATA_DIR", ""), "ml-100k", "u.data")
    if path.exists():
        users, items, ratings, _ = np.loadtxt(path, np.int64).T
        return str(path), PairTable.from_arrays(users, items, ratings)
    tokens = np.ones(100_000, int)
    ratings = GENERATOR.integers(1, 6, len(tokens)).astype(float)
    return "random ids", _table(tokens, tokens, 900, ratings)


def _configurations(movielens):
    """Tables and configurations by name."""
    rating = Object2VecConfig(**MOVIELENS_RATING)
    large = Object2VecConfig(**{**MOVIELENS_RATING, "mini_batch_size": 2048})
    sentences = _table(
        _lengths(ROWS, 11, 60),
        _lengths(ROWS, 11, 60),
        SNLI["enc0_vocab_size"],
        GENERATOR.integers(3, size=ROWS).astype(float),
    )
    snli = Object2VecConfig(
        **{**SNLI, "mini_batch_size": 64, "bucket_width": 5}
    )
    articles = _table(
        _lengths(ROWS, 20, 50),
        _lengths(ROWS, 150, 200),
        WIKIPEDIA["enc0_vocab_size"],
        np.ones(ROWS),
    )
    wikipedia = Object2VecConfig(**{**WIKIPEDIA, "enc0_max_seq_len": 200})
    return {
        "MovieLens, batch 64": (movielens, rating),
        "MovieLens, batch 2048": (movielens, large),
        "sentences, batch 64, buckets": (sentences, snli),
        "Wikipedia-like, batch 512, 3 negatives": (articles, wikipedia),
    }


def _play(dataset):
    """Makes all batches without Python in between, as `fit` can."""
    dataset.reduce(np.int64(0), lambda count, _: count + 1)


def _print_batches_alone(configurations):
    batches = {
        name: PairBatches(table, config, training=True)
        for name, (table, config) in configurations.items()
    }
    datasets = {name: made.dataset() for name, made in batches.items()}
    times = interleaved(
        {name: lambda d=d: _play(d) for name, d in datasets.items()}, REPEATS
    )
    rates = {
        name: [batches[name].num_batches / s for s in timing.seconds]
        for name, timing in times.items()
    }
    for name, of_runs in rates.items():
        print(
            f"{name}: {statistics.median(of_runs):,.0f} batches/s "
            f"({min(of_runs):,.0f} to {max(of_runs):,.0f} in {REPEATS} passes)"
        )
    return statistics.median(rates["MovieLens, batch 64"])


def _print_planning():
    tokens = np.ones(PLANNED_ROWS, int)
    table = _table(tokens, tokens, PLANNED_ROWS // 10, tokens.astype(float))
    config = Object2VecConfig(**{**WIKIPEDIA, "enc0_vocab_size": PLANNED_ROWS})
    planner = EpochPlanner(table, config, training=True)
    planning = interleaved({"plan": lambda: planner.plan(1)}, REPEATS)["plan"]
    print(
        f"planning {PLANNED_ROWS:,} records with 3 negatives each, in the "
        f"background of the epoch before: {planning.median:.2f} s for "
        f"{planner.num_batches:,} steps"
    )


def _waiting_share(model, dataset):
    """Shares of each step's time that pass before its batch is there."""
    step = tf.function(model.train_step, reduce_retracing=True)
    waits, totals = [], []
    began = None
    iterator = iter(dataset)
    for _ in range(STEPS):
        asked = time.perf_counter()
        batch = next(iterator)
        received = time.perf_counter()
        {name: value.numpy() for name, value in step(batch).items()}
        if began is not None:  # the first step traces
            waits.append(received - asked)
            totals.append(time.perf_counter() - asked)
        began = asked
    return sum(waits) / sum(totals)


def _print_training(table, alone):
    config = Object2VecConfig(**MOVIELENS_RATING)
    batches = PairBatches(table, config, training=True)
    model = Object2Vec(config)
    pipeline = batches.dataset().take(STEPS)
    one_batch = batches.dataset().take(1).cache().repeat(STEPS)

    def fit(dataset):
        return lambda: model.fit(dataset, verbose=0, shuffle=False)

    fed = "fed by the pipeline"
    ready = "fed one batch that is ready"
    times = interleaved({fed: fit(pipeline), ready: fit(one_batch)}, FITS)
    for name, timing in times.items():
        print(f"fit, {name}: {STEPS / timing.median:,.0f} steps/s")
    loss = [
        1 - r / f
        for f, r in zip(times[fed].seconds, times[ready].seconds, strict=True)
    ]
    print(
        f"share of a step lost to the pipeline: {statistics.median(loss):.1%} "
        f"({min(loss):.1%} to {max(loss):.1%} in {FITS} runs)"
    )
    shares = [_waiting_share(model, pipeline) for _ in range(FITS)]
    print(
        "share of a step spent waiting in next(iterator): "
        f"{statistics.median(shares):.1%} ({min(shares):.1%} to "
        f"{max(shares):.1%} in {FITS} runs)"
    )
    print(f"batches alone: {alone / _rate(times[ready]):.1f} times the steps/s")


def _rate(timing: Timing):
    return STEPS / timing.median


def main():
    """Prints batches a second alone and what a training waits for them."""
    print(machine())
    source, movielens = _movielens()
    print(f"MovieLens: {source}")
    alone = _print_batches_alone(_configurations(movielens))
    _print_planning()
    _print_training(movielens, alone)


if __name__ == "__main__":
    main()
