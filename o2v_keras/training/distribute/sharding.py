"""How the workers of a training share its data."""

import dataclasses
import os

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
from o2v_keras.training.distribute.strategy import tell_all

SHARD_BY = ("row", "file")


def own_source(source: Source, worker: Worker, shard_by: str) -> Source:
    """Returns what of the training data a worker reads.

    By row, every worker reads all. By file, worker `i` of `n` reads every
    `n`-th file from the `i`-th on, which is for data that one machine could
    not hold or read in time.

    Args:
        source: As `train` takes it.
        worker: This worker.
        shard_by: `"row"` or `"file"`.

    Raises:
        ValueError: If `shard_by` is another word, or there are no files, or
            fewer than workers.

    Example:
    >>> own_source("train.jsonl", Worker(), "row")
    'train.jsonl'
    """
    if shard_by not in SHARD_BY:
        raise ValueError(
            f"`shard_by` must be one of {', '.join(SHARD_BY)}. "
            f"Received: shard_by={shard_by!r}"
        )
    if shard_by == "row" or worker.count == 1:
        return source
    if isinstance(source, PairTable) or is_in_memory(source):
        raise ValueError(
            '`shard_by` must be "row" for training data that is not in '
            'files. Received: shard_by="file"'
        )
    files = expand_paths(source)
    if len(files) < worker.count:
        raise ValueError(
            f'`shard_by` must be "row" where there are fewer training files '
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
    """Returns this worker's share of every global training batch.

    By row, all workers cut the same plan, and train what one would. By file,
    each plans its own table, draws its negatives there, and gives
    `mini_batch_size / workers` rows to a batch; who has fewer batches than
    others goes on with rows of weight 0.

    Args:
        table: What this worker has read, or will.
        config: Of the training.
        strategy: Of the training.
        worker: This worker.
        shard_by: `"row"` or `"file"`.

    Raises:
        ValueError: If streamed data are to be shared by file.
    """
    replicas = strategy.num_replicas_in_sync
    if shard_by == "row" or worker.count == 1:
        share = worker.index, worker.count
        return PairBatches(table, config, True, replicas, share)
    if isinstance(table, PairStream):
        raise ValueError(
            '`shard_by` must be "row" for streamed data, of which every '
            'worker reads all. Received: shard_by="file"'
        )
    size = config.mini_batch_size // worker.count
    config = dataclasses.replace(config, mini_batch_size=size)
    batches = PairBatches(table, config, True, replicas // worker.count)
    told = tell_all(strategy, worker, [batches.num_batches, batches.num_rows])
    batches.fill_up(max(number for number, _ in told))
    # What is reported is about all workers' rows.
    batches.num_rows = sum(rows for _, rows in told)
    return batches


def tally_all(
    labels: TrainingLabels,
    strategy: tf.distribute.Strategy,
    worker: Worker,
    shard_by: str,
) -> None:
    """Adds what the other workers have read to totals and ids.

    Args:
        labels: What this worker has read.
        strategy: Of the training.
        worker: This worker.
        shard_by: `"row"`, where all have read the same, or `"file"`.
    """
    if shard_by == "row" or worker.count == 1:
        return
    totals = tell_all(strategy, worker, labels.totals.tolist())
    labels.totals = np.sum(totals, axis=0)
    for seen in labels.ids.sides.values():
        bits = tell_all(strategy, worker, np.packbits(seen).tolist())
        bits = np.bitwise_or.reduce(np.array(bits, np.uint8))
        seen[:] = np.unpackbits(bits, count=len(seen)).astype(bool)
