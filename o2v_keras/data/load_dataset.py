"""Loads files or arrays as checked tables or batches."""

import os
from typing import TYPE_CHECKING

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.bad_rows import MAX_SKIPPED
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.data.read_source import read_source
from o2v_keras.user_warning import warn_user

# TensorFlow takes seconds to start, and `load_pairs` needs none of it.
if TYPE_CHECKING:
    import tensorflow as tf

    from o2v_keras.text.pair_tokenizers import PairTokenizers


def load_pairs(
    source: Source,
    config: Object2VecConfig,
    training: bool = False,
    rejected_rows_file: str | os.PathLike[str] | None = None,
    *,
    tokenizers: "PairTokenizers | None" = None,
    columns: PairColumns = DEFAULT_COLUMNS,
    max_skipped: float = MAX_SKIPPED,
    verbose: int = 1,
) -> PairTable:
    """Reads pairs and checks them against a configuration.

    Args:
        source: Path, glob or folder of JSON Lines, CSV, TSV, Parquet or
            TFRecord files (see `read_pairs`), a list of them, a mapping or
            data frame with `in0`, `in1`, `label` and perhaps `weight` (see
            `read_in_memory`), or a `PairTable`.
        config: `Object2VecConfig` that the data must fit.
        training: Whether the rows are training data, which must be positives
            if negatives will be drawn. Defaults to `False`.
        rejected_rows_file: File for rows with errors and their reasons; they
            are then left out. Defaults to `None`: any error raises.
        tokenizers: `PairTokenizers` of the sides that hold texts. Defaults to
            `None`: both hold ids.
        columns: `PairColumns` of the files or the mapping. Defaults to
            `in0`, `in1`, `label`.
        max_skipped: float from 0 to 1. Largest share of rows that
            `rejected_rows_file` may hold; more raise. Defaults to 0.01.
        verbose: 0 or 1. Whether to show progress where texts are read.
            Defaults to `1`.

    Returns:
        A `PairTable` with labels, and weights where the source has some; of
        the sides that `config.sides` names.

    Raises:
        DataError: If rows are unusable, there is none, or all have a weight
            of 0; the message counts every kind of problem and names file and
            line of the first cases.

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
    loaded = read_source(
        source,
        config,
        tokenizers,
        columns,
        config.sides,
        training=training,
        rejected_rows_file=rejected_rows_file,
        max_skipped=max_skipped,
        verbose=verbose,
    )
    if rejected_rows_file is None:
        if not loaded.report.rows:
            raise DataError(
                "The data must hold at least one row. Received: 0 rows"
            )
        loaded.report.warn()
        loaded.report.raise_for_errors()
    loaded.report.refuse_zero_weights()
    return loaded.table


def load_dataset(
    paths: Source,
    config: Object2VecConfig,
    training: bool = True,
    rejected_rows_file: str | os.PathLike[str] | None = None,
    *,
    tokenizers: "PairTokenizers | None" = None,
    columns: PairColumns = DEFAULT_COLUMNS,
    max_skipped: float = MAX_SKIPPED,
    verbose: int = 1,
) -> "tf.data.Dataset":
    """Returns checked, padded batches for `model.fit` and `model.evaluate`.

    Row order and negatives are functions of `config.seed` and the number of
    the epoch; the k-th pass over the dataset is epoch k, counted from 0.

    Args:
        paths: Path, glob or folder of JSON Lines, CSV, TSV, Parquet or
            TFRecord files (see `read_pairs`), a list of them, a mapping or
            data frame with `in0`, `in1`, `label` and perhaps `weight` (see
            `read_in_memory`), or a `PairTable`.
        config: `Object2VecConfig`.
        training: Whether every epoch shuffles, groups rows by `bucket_width`
            and draws `negative_sampling_rate` negatives a record. `False`
            keeps the rows and their order; data that hold only positives get
            the same negatives in every pass (`with_negatives`). Defaults to
            `True`.
        rejected_rows_file: File for rows with errors and their reasons; they
            are then left out. Defaults to `None`: any error raises.
        tokenizers: `PairTokenizers` of the sides that hold texts. Defaults to
            `None`: both hold ids.
        columns: `PairColumns` of the files or the mapping. Defaults to
            `in0`, `in1`, `label`.
        max_skipped: float from 0 to 1. Largest share of rows that
            `rejected_rows_file` may hold; more raise. Defaults to 0.01.
        verbose: 0 or 1. Whether to show progress where texts are read.
            Defaults to `1`.

    Returns:
        A `tf.data.Dataset` of `({"in0", "in1"}, label)`, or `({"in0", "in1"},
        label, sample_weight)` where the data have weights and for `bpr`,
        whose rows are groups of a record and its negatives, with known
        cardinality; ids int64 `(batch, length)`, padded with 0 to the
        longest row of the batch; labels `(batch,)`, int64 for `softmax`,
        float32 otherwise; weights float32 `(batch,)`. For `in_batch_softmax`
        rows are always shuffled, and the labels are the targets of
        `InBatchTargets`. For `embedding` there is one side, and the labels
        are the vectors that they name, float32 `(batch, width)`.

    Raises:
        DataError: If rows are unusable, or there is none.
        ValueError: If `config` has `mined_negatives`, for which there is
            `train`.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> source = {"in0": [[1], [2, 3]], "in1": [[4], [5]], "label": [0, 1]}
    >>> dataset = load_dataset(source, config, training=False)
    >>> int(dataset.cardinality())
    1
    """
    from o2v_keras.data.batches.negative_sampling import with_negatives
    from o2v_keras.data.batches.pair_batches import PairBatches

    table = load_pairs(
        paths,
        config,
        training,
        rejected_rows_file,
        tokenizers=tokenizers,
        columns=columns,
        max_skipped=max_skipped,
        verbose=verbose,
    )
    if training and config.mined_negatives:
        raise ValueError(
            "`mined_negatives` must be 0 for `load_dataset`: only `train` "
            "has a model to mine them by. Received: "
            f"mined_negatives={config.mined_negatives}"
        )
    if not training:
        table = with_negatives(table, config)
    batches = PairBatches(table, config, training)
    left_out = batches.left_out_negatives(epoch=0)
    if left_out:
        warn_user(left_out_message(left_out))
    return batches.dataset(advance=training)


def left_out_message(left_out: int) -> str:
    """Returns a warning that negatives of an epoch are left out."""
    return (
        f"{left_out} negatives an epoch are left out: 20 draws each gave "
        "only known positives. Lower `negative_sampling_rate` or set "
        '`negative_sampling_distribution="objects"`.'
    )
