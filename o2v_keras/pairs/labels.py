"""Texts with labels -> pairs of a label and a text, and negatives."""

import functools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import Layout
from o2v_keras.pairs.pair_maker import PairOptions
from o2v_keras.pairs.pair_maker import check_whole
from o2v_keras.pairs.pair_maker import make_pairs
from o2v_keras.pairs.records import Reading
from o2v_keras.pairs.records import flat_rows
from o2v_keras.pairs.result import Pairs

_UNLIMITED = 1 << 60


def labels(
    source: Any,
    text: str,
    label: str | Sequence[str],
    *,
    negatives: int = 0,
    min_texts: int = 1,
    split: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    separator: str | None = None,
    header: bool = True,
    label_separator: str | None = None,
    skip_bad_rows: bool | float = False,
    verbose: int | None = None,
) -> Pairs:
    """Makes pairs of a label (`in0`) and a text (`in1`), labelled 1.

    A text that is there several times has all their labels, and is in one
    part alone.

    Args:
        source: As in `interactions`.
        text: Column of the texts.
        label: Column of the labels or of lists of labels, or several such
            columns, whose labels then begin with the column's name: `"kind=a
            film"`.
        negatives: Pairs labelled 0 for each pair, with other labels of the
            training, each as likely. Defaults to 0: positives alone, from
            which `in_batch_softmax` learns all labels at once.
        min_texts: Least number of texts of a label. Defaults to 1.
        split: `"texts"`: all pairs of some texts are held out. Defaults to
            `None`: nothing is.
        validation: Share below 1, or number of texts. Defaults to 0.1.
        test: The same. Defaults to 0.1.
        seed: Of all orders and draws. Defaults to 0.
        separator: As in `interactions`.
        header: As in `interactions`.
        label_separator: What stands between several labels in one field.
            Defaults to `None`: a field is one label, or in JSON a list.
        skip_bad_rows: As in `interactions`.
        verbose: As in `interactions`.

    Returns:
        `Pairs`.

    Raises:
        ValueError: If an argument is out of range.
        DataError: If data cannot be used; the message says which rows.

    Example:
    >>> films = {"plot": ["A dog.", "A war."]}
    >>> films["genre"] = ["pets, drama", "drama"]
    >>> pairs = labels(films, "plot", "genre", label_separator=",")
    >>> order = [("in1", "ascending"), ("in0", "ascending")]
    >>> pairs.train.sort_by(order).to_pylist()[2]
    {'in0': 'drama', 'in1': 'A war.', 'label': 1}
    """
    check_whole("negatives", negatives, 0)
    holdout = Holdout(split, validation, test)
    holdout.check(("texts",), False)
    names = [label] if isinstance(label, str) else [*label]
    if not names:
        raise ValueError("`label` must name a column. Received: label=[]")
    columns = {"item": (text, "text")}
    for place, name in enumerate(names):
        columns[f"label{place}"] = (name, "features")
    options = PairOptions(
        min_items=min_texts,
        max_items=_UNLIMITED,
        ids="names",
        seed=seed,
        names=("label", "text"),
        whole="item",
        negatives=negatives,
        texts=True,
    )
    return make_pairs(
        {TRAIN: source},
        columns,
        functools.partial(_rows, names),
        options,
        holdout,
        Reading(
            Layout(separator, header, label_separator), skip_bad_rows, verbose
        ),
    )


def _rows(names, reader, source):
    for table in reader.read(source):
        fields = [f"label{place}" for place in range(len(names))]
        counts = [pc.list_value_length(table[field]) for field in fields]
        none = functools.reduce(pc.max_element_wise, counts)
        reader.dropped["texts without a label"] += (
            pc.sum(pc.equal(none, 0)).as_py() or 0
        )
        for place, name in enumerate(names):
            lists = table.select(["item", f"label{place}"])
            rows = flat_rows(lists, f"label{place}")
            found = rows[f"label{place}"]
            if len(names) > 1:
                found = pc.binary_join_element_wise(f"{name}=", found, "")
            yield pa.table({"user": found, "item": rows["item"]})
