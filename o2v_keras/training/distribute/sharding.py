"""Shards the training data over workers."""

import dataclasses
import os
from typing import Any

import numpy as np
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import all_gather

SHARD_BY = ("row", "file")


def check_shard_by(shard_by: str, stream_rows: int | None) -> None:
    """Checks how several workers would share the training data.

    Raises:
        ValueError: If `shard_by` is unknown, or `"file"` beside streamed data.

    Example:
    >>> check_shard_by("row", stream_rows=100_000)
    """
    if shard_by not in SHARD_BY:
        raise ValueError(
            f"`shard_by` must be one of {', '.join(SHARD_BY)}. "
            f"Received: shard_by={shard_by!r}"
        )
    if shard_by == "file" and stream_rows is not None:
        raise ValueError(
            '`shard_by` must be "row" beside `stream_rows`: every worker '
            "streams all of the data and keeps its rows of each batch. "
            f'Received: shard_by="file", stream_rows={stream_rows}'
        )


def own_source(source: Source, worker: Worker, shard_by: str) -> Source:
    """Returns the part of the training data that a worker reads.

    By row, every worker reads all. By file, worker `i` of `n` reads every
    `n`-th file from the `i`-th on, for data that are too large or too slow to
    read for one machine.

    Args:
        source: The training data: files, a mapping or a `PairTable`.
        worker: This worker.
        shard_by: `"row"` or `"file"`.

    Raises:
        ValueError: If the data are not in files, or there are fewer files
            than workers.

    Example:
    >>> own_source("train.jsonl", Worker(), "row")
    'train.jsonl'
    """
    if shard_by == "row" or worker.count == 1:
        return source
    if isinstance(source, PairTable) or is_in_memory(source):
        raise ValueError(
            '`shard_by` must be "row" for training data that are not in '
            'files. Received: shard_by="file"'
        )
    paths: Any = source
    files = expand_paths(paths)
    if len(files) < worker.count:
        raise ValueError(
            f'`shard_by` must be "row" if there are fewer training files '
            f"than workers, {worker.count}. Received: shard_by='file' with "
            f"{', '.join(map(os.fspath, files))}"
        )
    return files[worker.index :: worker.count]


def training_batches(
    table: PairTable | PairStream,
    config: Object2VecConfig,
    strategy: tf.distribute.Strategy,
    worker: Worker,
    shard_by: str,
) -> PairBatches:
    """Returns this worker's shard of every global training batch.

    By row, all workers divide the same batches, and the result is that of a
    single worker. By file, each worker shuffles its own table, draws its
    negatives there, and adds `mini_batch_size / workers` rows to a batch; a
    worker with fewer batches adds fill rows of weight 0.

    Args:
        table: The data of this worker.
        config: The configuration of the training.
        strategy: The strategy of the training.
        worker: This worker.
        shard_by: `"row"` or, for a table, `"file"`.
    """
    replicas = strategy.num_replicas_in_sync
    if shard_by == "row" or worker.count == 1:
        share = worker.index, worker.count
        return PairBatches(table, config, True, replicas, share)
    size = config.mini_batch_size // worker.count
    config = dataclasses.replace(config, mini_batch_size=size)
    batches = PairBatches(table, config, True, replicas // worker.count)
    counts = all_gather(
        strategy, worker, [batches.num_batches, batches.num_rows]
    )
    batches.fill_up(max(number for number, _ in counts))
    # Reports are about the rows of all workers.
    batches.num_rows = sum(rows for _, rows in counts)
    return batches


def tally_all(
    labels: TrainingLabels,
    strategy: tf.distribute.Strategy,
    worker: Worker,
    shard_by: str,
) -> None:
    """Adds the tallies of all workers to those of this one.

    Args:
        labels: The tallies of this worker's data.
        strategy: The strategy of the training.
        worker: This worker.
        shard_by: `"row"` (all workers have equal tallies) or `"file"`.
    """
    if shard_by == "row" or worker.count == 1:
        return
    totals = all_gather(strategy, worker, labels.totals.tolist())
    labels.totals = np.sum(totals, axis=0)
    if labels.tokens is not None:
        for counts in labels.tokens.sides.values():
            all_counts = all_gather(strategy, worker, counts.tolist())
            counts[:] = np.sum(all_counts, axis=0)
    for seen in labels.ids.sides.values():
        bits = all_gather(strategy, worker, np.packbits(seen).tolist())
        bits = np.bitwise_or.reduce(np.array(bits, np.uint8))
        seen[:] = np.unpackbits(bits, count=len(seen)).astype(bool)
