"""Loads the training, validation and test data, and their tokenizers."""

import os
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.check.bad_rows import skipped_share
from o2v_keras.data.check.leaks import LeakCheck
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_hashes import mix_bits
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.learn_tokenizers import tokenizer_of_file
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.user_warning import warn_user


class LoadedChannels(NamedTuple):
    """The data of a training.

    Args:
        tables: Channel -> `PairTable`, or `PairStream` for streamed training
            data.
        tokenizers: `PairTokenizers` of the sides that hold texts.
        labels: `TrainingLabels` of the training data.
    """

    tables: dict[str, Any]
    tokenizers: PairTokenizers
    labels: TrainingLabels


def load_channels(
    sources: Mapping[str, Source | None],
    config: Object2VecConfig,
    tokenizers: PairTokenizers,
    labels: TrainingLabels,
    *,
    columns: PairColumns,
    directory: ModelDirectory | None = None,
    skip_bad_rows: bool | float = False,
    allow_leaks: bool = False,
    stream_rows: int | None = None,
    worker: Worker | None = None,
) -> dict[str, Any]:
    """Loads all channels, tallies the training labels and checks for leaks.

    Args:
        sources: Channel -> data or `None`; `train` is required.
        config: `Object2VecConfig`.
        tokenizers: `PairTokenizers` of the sides that hold texts.
        labels: `TrainingLabels`; the training data are added to it.
        columns: `PairColumns` of all channels.
        directory: `ModelDirectory` for rejected rows, required with
            `skip_bad_rows`. Defaults to `None`.
        skip_bad_rows: bool or float. Whether to skip rows with errors; a
            number is the largest share of them, `True` is 0.01. Defaults to
            `False`.
        allow_leaks: bool. Whether test data may hold pairs of the training
            data. Defaults to `False`.
        stream_rows: int. Rows of a block of streamed training data. Defaults
            to `None`: data are in memory.
        worker: This process; only the chief writes. Defaults to `None`: a
            single worker.

    Returns:
        Channel -> `PairTable`, or for streamed training data `PairStream`.

    Raises:
        DataError: If data are unusable, or a test pair is in the training
            data and `allow_leaks` is not set.
    """
    text = {"tokenizers": tokenizers, "columns": columns}
    max_skipped = skipped_share(skip_bad_rows)
    if max_skipped is not None:
        directory.make()
        text = {**text, "max_skipped": max_skipped}

    def rejected_rows(name):
        if max_skipped is None:
            return None
        if worker is None or worker.is_chief:
            return directory.rejected_rows(name)
        return os.devnull

    others = {
        name: load_pairs(source, config, False, rejected_rows(name), **text)
        for name, source in sources.items()
        if name != "train" and source is not None
    }
    leaks = {
        name: LeakCheck(table, name, tokenizers)
        for name, table in others.items()
    }

    def observe(table):
        labels.add(table)
        for check in leaks.values():
            check.add(table)

    train: Any = sources["train"]
    rejected = rejected_rows("train")
    if stream_rows is None:
        table = load_pairs(train, config, True, rejected, **text)
        observe(table)
    else:
        table = PairStream(
            train, config, stream_rows, rejected, observe, **text
        )
    _report_leaks(leaks, allow_leaks)
    return {"train": table, **others}


def hold_out(
    table: PairTable, share: float, config: Object2VecConfig
) -> tuple[PairTable, PairTable]:
    """Parts validation data from training data.

    Rows of one text go to one part, so that no text is in both: of `in0`, or
    of `in1` if it alone holds texts. Otherwise rows of one pair do, and of
    its mirror image, as pairs of items have them; so ids of users and items
    are known. Which ones follows from their ids and the seed.

    Args:
        table: The training data.
        share: About how much of them becomes validation data.
        config: `Object2VecConfig`.

    Returns:
        Training data and validation data.

    Raises:
        DataError: If a part would be empty.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=99)
    >>> table = PairTable.from_arrays([*range(1, 99)], [*range(1, 99)])
    >>> train, validation = hold_out(table, 0.1, config)
    >>> len(train), len(validation)
    (89, 9)
    """
    texts = [
        side
        for side in table.sides
        if config.side(side).tokenizer not in ("", "category", "categories")
    ]
    sides = texts[:1] or table.sides
    keys, *others = (sequence_hashes(table.sides[side]) for side in sides)
    if others:
        low, high = np.minimum(keys, *others), np.maximum(keys, *others)
        keys = mix_bits(low) + high
    distinct, places = np.unique(keys, return_inverse=True)
    order = np.random.default_rng(config.seed).permutation(len(distinct))
    held_out = np.zeros(len(distinct), bool)
    held_out[order[: int(share * len(distinct))]] = True
    rows = held_out[places]
    if rows.all() or not rows.any():
        what = f"texts of {texts[0]}" if texts else "pairs"
        raise DataError(
            f"`validation_split`={share} leaves no row to train on or to "
            f"validate with: there are {len(distinct):,} distinct {what}. "
            "Give more rows, or validation data of their own, or set it to 0 "
            "(`--validation-split 0`)."
        )
    return table.take(~rows), table.take(rows)


def _report_leaks(leaks, allow_leaks):
    for name, check in leaks.items():
        is_error = name == "test" and not allow_leaks
        problem = check.problem("error" if is_error else "warning")
        if problem and is_error:
            raise DataError(str(problem))
        if problem:
            text = str(problem).removeprefix("warning: ")
            warn_user(text)


def training_tokenizers(
    config: Object2VecConfig,
    source: Source,
    columns: PairColumns,
    resumed: str | os.PathLike[str] | None,
    initial_model: str | os.PathLike[str] | None,
    auxiliary: str | os.PathLike[str] | None,
    verbose: int,
) -> PairTokenizers:
    """Returns the tokenizers of a training.

    A resumed training, or one with an initial model, uses the tokenizers of
    its weights. Otherwise they are learned from all training texts, also if
    several workers share the rows.

    Args:
        config: `Object2VecConfig`; it names the sides that hold texts.
        source: The training data.
        columns: `PairColumns` of the training data.
        resumed: File of the tokenizers of a training to resume, or `None`.
        initial_model: Path of the initial model, or `None`.
        auxiliary: Folder of a relative `enc*_vocab_file`. `None` is the
            working directory.
        verbose: 0 or 1. Whether to show progress.

    Raises:
        ValueError: If the weights come without tokenizers, or the data have
            no texts.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> columns = PairColumns()
    >>> training_tokenizers(config, [], columns, None, None, None, 0).sides
    {}
    """
    if not (config.enc0_tokenizer or config.enc1_tokenizer):
        return PairTokenizers()
    if resumed is not None:
        return PairTokenizers.load(resumed)
    if initial_model is not None:
        tokenizers = PairTokenizers.load(initial_model)
        _require_its_words(config, tokenizers, auxiliary)
        return tokenizers
    return learn_tokenizers(source, config, columns, auxiliary, verbose)


def _require_its_words(config, tokenizers, auxiliary):
    encoders = {"in0": config.encoder0, "in1": config.encoder1}
    for side, tokenizer in tokenizers.sides.items():
        prefix = f"enc{side[-1]}"
        if not encoders[side].vocab_file:
            continue
        named = tokenizer_of_file(prefix, encoders[side], auxiliary)
        if named.fingerprint() != tokenizer.fingerprint():
            raise ValueError(
                f"`{prefix}_vocab_file` must be empty or be that of "
                "`initial_model`, whose vocabulary belongs to its weights. "
                f"Received: {prefix}_vocab_file="
                f"{encoders[side].vocab_file!r}"
            )
