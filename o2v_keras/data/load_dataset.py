"""From files or arrays to checked tables and batches."""

import os
import warnings
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.checks import drop_bad_rows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.readers import read_pairs
from o2v_keras.data.pair_table import PairTable

Source = str | os.PathLike | Sequence | Mapping | PairTable


def load_pairs(
    source: Source,
    config: Object2VecConfig,
    training: bool = False,
    rejected_rows_file: str | os.PathLike | None = None,
) -> PairTable:
    """Reads pairs and checks them against a configuration.

    Args:
        source: Path, glob or folder of JSON Lines, Parquet or TFRecord
            files (see `read_pairs`), a list of them, a mapping with `in0`,
            `in1` and `label` arrays, or a `PairTable`.
        config: `Object2VecConfig` that the data must fit.
        training: Whether negatives will be drawn for the data, so that all
            labels must be 1. Defaults to `False`.
        rejected_rows_file: Where rows with errors are written, with their
            reasons, and then left out. Defaults to `None`: any error stops.

    Returns:
        A `PairTable` with labels.

    Raises:
        DataError: If rows are unusable, or there is none; the message counts
            every kind of trouble and names file and line of the first cases.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> source = {"in0": [[1], [2, 3]], "in1": [[4], [5]], "label": [0, 1]}
    >>> len(load_pairs(source, config))
    2
    """
    if not isinstance(config, Object2VecConfig):
        raise TypeError(
            "`config` must be an Object2VecConfig; make one of "
            "hyperparameters with Object2VecConfig.from_hyperparameters. "
            f"Received: {type(config).__name__}"
        )
    table, rejected = _read(source)
    report = check_pairs(table, config, rejected, training)
    if not report.rows:
        raise DataError("The data must hold at least one row. Received: 0 rows")
    report.warn(stacklevel=3)
    if rejected_rows_file is None:
        report.raise_for_errors()
        return table
    return drop_bad_rows(table, report, rejected, rejected_rows_file)


def load_dataset(
    paths: Source,
    config: Object2VecConfig,
    training: bool = True,
    rejected_rows_file: str | os.PathLike | None = None,
) -> tf.data.Dataset:
    """Returns checked, padded batches for `model.fit` and `model.evaluate`.

    Row order and negatives are functions of `config.seed` and the number of
    the epoch; the k-th pass over the dataset is epoch k, counted from 0.

    Args:
        paths: Path, glob or folder of JSON Lines, Parquet or TFRecord
            files (see `read_pairs`), a list of them, a mapping with `in0`,
            `in1` and `label` arrays, or a `PairTable`.
        config: `Object2VecConfig`.
        training: Whether to shuffle, to group rows by `bucket_width` and to
            draw `negative_sampling_rate` negatives a record, all anew in
            every epoch. `False` keeps the rows and their order. Defaults to
            `True`.
        rejected_rows_file: Where rows with errors are written, with their
            reasons, and then left out. Defaults to `None`: any error stops.

    Returns:
        A `tf.data.Dataset` of `({"in0", "in1"}, label)` with known
        cardinality; ids int64 `(batch, length)`, padded with 0 to the
        longest row of the batch; labels `(batch,)`, int64 for `softmax`,
        float32 for `mean_squared_error`.

    Raises:
        DataError: If rows are unusable, or there is none.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> source = {"in0": [[1], [2, 3]], "in1": [[4], [5]], "label": [0, 1]}
    >>> dataset = load_dataset(source, config, training=False)
    >>> int(dataset.cardinality())
    1
    """
    table = load_pairs(paths, config, training, rejected_rows_file)
    batches = PairBatches(table, config, training)
    left_out = batches.left_out_negatives(epoch=0)
    if left_out:
        warnings.warn(left_out_message(left_out), stacklevel=2)
    return batches.dataset(advance=training)


def left_out_message(left_out: int) -> str:
    """Says how many negatives an epoch lacks, and why."""
    return (
        f"{left_out} negatives an epoch are left out: 20 draws each gave "
        "only known positives. Lower `negative_sampling_rate` or set "
        '`negative_sampling_distribution="objects"`.'
    )


def _read(source):
    if isinstance(source, PairTable):
        return source, None
    if not isinstance(source, str | os.PathLike | Mapping | list | tuple):
        raise ValueError(
            "Data must be a path or glob, a list of them, a mapping with "
            "in0, in1 and label, or a PairTable. "
            f"Received: {type(source).__name__}"
        )
    if isinstance(source, Mapping):
        missing = {"in0", "in1", "label"} - source.keys()
        if missing:
            raise ValueError(
                "In-memory data must have the keys in0, in1 and label. "
                f"Missing: {', '.join(sorted(missing))}"
            )
        columns = (source[name] for name in ("in0", "in1", "label"))
        return PairTable.from_arrays(*columns), None
    result = read_pairs(source)
    return result.table, result.rejected
