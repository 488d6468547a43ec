"""The training, validation and test data of a training."""

import os
from typing import NamedTuple

from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.check.leaks import LeakCheck
from o2v_keras.data.check.sound_rows import skipped_share
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.text.pair_tokenizers import PairTokenizers
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.user_warning import warn_user


class LoadedChannels(NamedTuple):
    """All that a training needs of its data.

    Args:
        tables: Channel -> `PairTable`, or for streamed training data
            `PairStream`, as `load_channels` returns them.
        tokenizers: `PairTokenizers` that made ids of their texts.
        labels: `TrainingLabels` that have seen the training data.
    """

    tables: dict[str, PairTable | PairStream]
    tokenizers: PairTokenizers
    labels: TrainingLabels


def load_channels(
    sources,
    config,
    text,
    directory,
    skip_bad_rows,
    allow_leaks,
    stream_rows,
    labels,
    worker,
):
    """Loads all channels, tallies the training labels, looks for leaks.

    Args:
        sources: Channel -> data, or `None`; `train` is there.
        config: `Object2VecConfig`.
        text: The keywords `tokenizers` and `columns` of what reads pairs.
        directory: Receives rejected rows.
        skip_bad_rows: As in `train`.
        allow_leaks: As in `train`.
        stream_rows: As in `train`.
        labels: `TrainingLabels`, which sees the training data.
        worker: This process; only the chief writes.

    Returns:
        Channel -> `PairTable`, or for streamed training data `PairStream`.

    Raises:
        DataError: If data are unusable, or a test pair is in the training
            data and `allow_leaks` is not set.
    """
    max_skipped = skipped_share(skip_bad_rows)
    if max_skipped is not None:
        directory.make()
        text = {**text, "max_skipped": max_skipped}

    def rejected_rows(name):
        if max_skipped is None:
            return None
        return directory.rejected_rows(name) if worker.is_chief else os.devnull

    held_out = {
        name: load_pairs(source, config, False, rejected_rows(name), **text)
        for name, source in sources.items()
        if name != "train" and source is not None
    }
    leaks = {
        name: LeakCheck(table, name, text["tokenizers"])
        for name, table in held_out.items()
    }

    def observe(table):
        labels.add(table)
        for check in leaks.values():
            check.add(table)

    train, rejected = sources["train"], rejected_rows("train")
    if stream_rows is None:
        table = load_pairs(train, config, True, rejected, **text)
        observe(table)
    else:
        table = PairStream(
            train, config, stream_rows, rejected, observe, **text
        )
    _report_leaks(leaks, allow_leaks)
    return {"train": table, **held_out}


def _report_leaks(leaks, allow_leaks):
    for name, check in leaks.items():
        is_error = name == "test" and not allow_leaks
        problem = check.problem("error" if is_error else "warning")
        if problem and is_error:
            raise DataError(str(problem))
        if problem:
            text = str(problem).removeprefix("warning: ")
            warn_user(text)
