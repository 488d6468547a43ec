"""Finds ids, labels and weights that break a rule."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np

from o2v_keras.config import EncoderConfig
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.sequences import Sequences
from o2v_keras.data.target_vectors import TargetVectors
from o2v_keras.data.target_vectors import target_vectors


@dataclasses.dataclass(frozen=True, eq=False)
class Finding:
    """The rows of a table with one kind of problem.

    Args:
        field: str. `"in0"`, `"in1"`, `"label"` or `"weight"`.
        kind: str. The kind of problem.
        rows: int64 `(n,)`. Row numbers in the table, ascending.
        describe: Returns the value received in a row, as text.
        advice: str. The rule, and how to fix the data.
        severity: str. `"error"` or `"warning"`. Defaults to `"error"`.
        proposed: float. Value of a setting that the advice proposes.
            Defaults to 0: none.
        of_all: Whether the problem concerns all rows together, so that later
            rows may lift it. Defaults to `False`.
    """

    field: str
    kind: str
    rows: np.ndarray
    describe: Callable[[int], str]
    advice: str
    severity: str = "error"
    proposed: float = 0
    of_all: bool = False


def check_values(
    table: PairTable, config: Object2VecConfig | None, training: bool
) -> list[Finding]:
    """Checks every id, label and weight of a table.

    Args:
        table: `PairTable`; a side or the labels may be absent unless
            `training`.
        config: `Object2VecConfig`, or `None` to check only what holds for
            every configuration.
        training: Whether the rows are training data.

    Returns:
        list of `Finding`, none without rows.
    """
    findings = [*_absent_columns(table, config)] if training else []
    for name, side in table.sides.items():
        findings += _check_lengths(name, side, config)
        findings += _check_ids(name, side)
        if config is not None:
            findings += _check_limits(name, table, config)
    if table.labels is not None:
        findings += _check_labels(table.labels, config, training)
    if table.weights is not None:
        findings += _check_weights(table.weights)
    return [finding for finding in findings if finding.rows.size]


def are_classes(labels: np.ndarray) -> np.ndarray:
    """Marks the labels that are class numbers: 0, 1, 2, ...

    Example:
    >>> are_classes(np.array([0, 2, 0.5, -1, np.inf]))
    array([ True,  True, False, False, False])
    """
    return (labels >= 0) & (labels == np.floor(labels)) & np.isfinite(labels)


def _absent_columns(table, config) -> Iterator[Finding]:
    names = ("in0", "in1") if config is None else config.sides
    columns = {name: table.sides.get(name) for name in names}
    columns["label"] = table.labels
    for name, column in columns.items():
        if column is None:
            what, rows = f'no "{name}"', np.arange(len(table))
            yield Finding(
                name, "missing", rows, lambda _, w=what: w, ADVICE["missing"]
            )


def _check_lengths(name, side, config) -> Iterator[Finding]:
    rows = np.flatnonzero(side.lengths == 0)
    if config is not None and _encoder(config, name).tokenizer:
        yield Finding(
            name,
            "text without a token",
            rows,
            lambda row: f"{name} is empty, or white space",
            "Give every text at least one word, or drop the record.",
        )
        return
    yield Finding(
        name,
        "empty sequence",
        rows,
        lambda row: f"{name}=[]",
        "Give every sequence at least one id, or drop the record.",
    )


def _check_ids(name: str, side: Sequences) -> Iterator[Finding]:
    yield Finding(
        name,
        "negative id",
        _rows_with(side, side.values < 0),
        lambda row: _first_id(name, side[row], side[row] < 0),
        "Ids count from 0, and 0 is padding; number real tokens from 1.",
    )
    yield Finding(
        name,
        "only id 0",
        np.flatnonzero((side.unpadded_lengths == 0) & (side.lengths > 0)),
        lambda row: f"{name}={side[row].tolist()}",
        "Id 0 is padding and masked, so the model sees an empty sequence. "
        "Number real tokens from 1.",
        severity="warning",
    )
    yield Finding(
        name,
        "id 0 among real tokens",
        _rows_with_inner_zeros(side),
        lambda row: _first_id(name, side[row], side[row] == 0),
        "Id 0 is padding and masked, so the model does not see these tokens. "
        "Number real tokens from 1.",
        severity="warning",
    )


def _check_limits(name, table, config) -> Iterator[Finding]:
    side, encoder = table.sides[name], _encoder(config, name)
    setting, sharing = _setting(name, table, config, "vocab_size")
    size = encoder.vocab_size
    largest = max(int(s.values.max(initial=0)) for s in sharing)
    yield Finding(
        name,
        "id >= vocab_size",
        _rows_with(side, side.values >= size),
        lambda row: _first_id(name, side[row], side[row] >= size),
        f"Ids must be less than {setting}={size}. "
        f"{setting}={largest + 1} would fit all ids here.",
        proposed=largest + 1,
    )
    setting, sharing = _setting(name, table, config, "max_seq_len")
    length = encoder.max_seq_len
    longest = max(s.unpadded_lengths.max(initial=0) for s in sharing)
    yield Finding(
        name,
        "longer than max_seq_len",
        np.flatnonzero(side.unpadded_lengths > length),
        lambda row: f"{name} has {side.unpadded_lengths[row]} ids",
        f"Only the first {length} ids are used. "
        f"{setting}={longest} would keep all.",
        severity="warning",
        proposed=int(longest),
    )


def _check_labels(labels, config, training) -> Iterator[Finding]:
    def describe(row):
        return f"label={labels[row]:.15g}"

    finite = np.isfinite(labels)
    yield Finding(
        "label",
        "not finite",
        np.flatnonzero(~finite),
        describe,
        ADVICE["not finite"],
    )
    if config is None:
        return
    if config.output_layer == "softmax":
        classes = config.num_classes
        natural = are_classes(labels)
        yield Finding(
            "label",
            "no class",
            np.flatnonzero(finite & ~(natural & (labels < classes))),
            describe,
            f"With num_classes={classes} labels are integers from 0 to "
            f"{classes - 1}. {_label_remedy(labels[finite], natural[finite])}",
            proposed=_classes(labels[finite], natural[finite]),
        )
    vectors = target_vectors(config)
    if vectors is not None:
        yield from _check_row_numbers(labels, finite, describe, vectors)
    if config.output_layer == "in_batch_softmax":
        yield from _check_positives(labels, finite, describe)
    if config.output_layer == "bpr":
        yield Finding(
            "label",
            "not 1",
            np.flatnonzero(finite & (labels != 1)),
            describe,
            'With output_layer="bpr" all records are positives, labelled 1, '
            "in data to be scored as well: each is compared with negatives "
            "that are drawn for it. Drop the other records, or take another "
            "output_layer to learn from them.",
        )
    elif training and config.negative_sampling_rate > 0:
        yield Finding(
            "label",
            "not 1",
            np.flatnonzero(finite & (labels != 1)),
            describe,
            f"With negative_sampling_rate={config.negative_sampling_rate} "
            "the training data are positives, all labelled 1, and negatives "
            "are made of them. Drop the other records or set "
            "negative_sampling_rate=0.",
        )


def _check_row_numbers(labels, finite, describe, vectors: TargetVectors):
    named = are_classes(labels) & (labels < vectors.rows)
    yield Finding(
        "label",
        "no row number",
        np.flatnonzero(finite & ~named),
        describe,
        'With output_layer="embedding" a label is the number of a row of '
        f"target_embedding_file, a whole number from 0 to {vectors.rows - 1}.",
    )
    rows = np.flatnonzero(named)
    yield Finding(
        "label",
        "vector not finite",
        rows[vectors.not_finite(labels[rows])],
        describe,
        "The row of target_embedding_file that the label names holds NaN or "
        "infinity. Write a finite vector, or drop the record.",
    )


def _check_positives(labels, finite, describe):
    binary = (labels == 0) | (labels == 1)
    yield Finding(
        "label",
        "neither 0 nor 1",
        np.flatnonzero(finite & ~binary),
        describe,
        'With output_layer="in_batch_softmax" a label is 1 for a positive, '
        "or 0 for a pair whose objects are but negatives of others. Set it to "
        "1 where the pair belongs together, and drop the others.",
    )
    yield Finding(
        "label",
        "no 1 among all",
        np.flatnonzero(binary)
        if not (labels == 1).any()
        else np.array([], int),
        describe,
        'With output_layer="in_batch_softmax" at least one pair must be a '
        "positive, labelled 1, to be told from negatives.",
        of_all=True,
    )


def _check_weights(weights) -> Iterator[Finding]:
    def describe(row):
        return f"weight={weights[row]:.7g}"

    finite = np.isfinite(weights)
    yield Finding(
        "weight",
        "not finite",
        np.flatnonzero(~finite),
        describe,
        f"{ADVICE['not finite']} Weights are float32: 3.4e38 at most.",
    )
    yield Finding(
        "weight",
        "negative",
        np.flatnonzero(finite & (weights < 0)),
        describe,
        "A record counts as often as its weight says: 0 leaves it out.",
    )


def _label_remedy(labels, natural):
    if natural.all():
        classes = int(_classes(labels, natural))
        return f"num_classes={classes} would fit all labels here."
    return 'For real numbers set output_layer="mean_squared_error".'


def _classes(labels, natural):
    """The classes that labels need, infinitely many if they are none."""
    return float(labels.max(initial=0)) + 1 if natural.all() else math.inf


def _encoder(config, name) -> EncoderConfig:
    return config.encoder0 if name == "in0" else config.encoder1


def _setting(name, table, config, field):
    """Name of the hyperparameter in force, and the sides it must fit."""
    copies = config.enc1_network == "enc0"
    tied = field == "vocab_size" and config.tied_token_embedding_weight
    sharing = table.sides.values() if copies or tied else [table.sides[name]]
    prefix = "enc0" if copies or name == "in0" else "enc1"
    return f"{prefix}_{field}", sharing


def _rows_with(side, marked):
    return np.unique(side.rows_of(np.flatnonzero(marked)))


def _rows_with_inner_zeros(side):
    positions = np.flatnonzero(side.values == 0)
    rows = side.rows_of(positions)
    inner = positions < side.offsets[rows] + side.unpadded_lengths[rows]
    return np.unique(rows[inner])


def _first_id(name, ids, marked):
    position = np.argmax(marked)
    return f"{name}[{position}]={ids[position]}"
