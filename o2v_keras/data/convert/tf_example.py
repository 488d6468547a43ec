"""Pairs as serialized `tf.train.Example`s, the records of our TFRecord files.

A record has the int64 lists `in0` and `in1` and the float list `label` of one
number; an unlabelled record has no `label`. It may have a `weight`, a float
list of one number as well.
"""

import itertools
from collections.abc import Iterable
from collections.abc import Iterator

import tensorflow as tf

from o2v_keras.data.pair_table import PairTable


def make_example(
    in0: Iterable[int] | None = None,
    in1: Iterable[int] | None = None,
    label: float | None = None,
    weight: float | None = None,
) -> bytes:
    """Serializes one record; equal records give equal bytes.

    Args:
        in0: Ids of the first side, or `None` to leave it out.
        in1: Ids of the second side, or `None` to leave it out.
        label: float, stored as float32, or `None` to leave it out.
        weight: The same. A record without one counts 1.

    Returns:
        bytes of a `tf.train.Example`.

    Example:
    >>> record = make_example(in0=[6, 17], in1=[16], label=1)
    >>> example = tf.train.Example.FromString(record)
    >>> example.features.feature["in0"].int64_list.value
    [6, 17]
    """
    example = tf.train.Example()
    feature = example.features.feature
    for name, ids in (("in0", in0), ("in1", in1)):
        if ids is not None:
            feature[name].int64_list.value.extend(ids)
    for name, number in (("label", label), ("weight", weight)):
        if number is not None:
            feature[name].float_list.value.append(number)
    # Otherwise the order of the features is arbitrary.
    return example.SerializeToString(deterministic=True)


def make_examples(table: PairTable) -> Iterator[bytes]:
    """Serializes the rows of a table.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [3]], [[4], [5]], [1, 0])
    >>> len(list(make_examples(table)))
    2
    """
    columns = {name: _lists(side) for name, side in table.sides.items()}
    if table.labels is not None:
        columns["label"] = table.labels.tolist()
    if table.weights is not None:
        columns["weight"] = table.weights.tolist()
    for row in zip(*columns.values(), strict=True):
        yield make_example(**dict(zip(columns, row, strict=True)))


def _lists(side):
    values, offsets = side.values.tolist(), side.offsets.tolist()
    return [values[i:j] for i, j in itertools.pairwise(offsets)]
