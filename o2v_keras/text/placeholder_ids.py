"""Stands in for a tokenizer where data are checked without one."""

import reprlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.report import Problem
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.paths import is_tfrecord
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.sequences import Sequences
from o2v_keras.text.vocabulary_files import holds_line_break


class MarkedTexts:
    """Encodes each text as the id 1, and an empty text as no ids.

    Args:
        kind: The kind of the tokenizer. For all but `"category"` and
            `"categories"` a text of white space alone is empty; for these
            two a line break is an error.
        name: `"in0"` or `"in1"`. Defaults to `"in0"`.

    Example:
    >>> import pyarrow as pa
    >>> origin = Provenance.in_memory(2)
    >>> sides = MarkedTexts("words"), MarkedTexts("category")
    >>> texts = pa.array(["a dog", " "])
    >>> [side(texts, origin)[0].lengths.tolist() for side in sides]
    [[1, 0], [1, 1]]
    """

    def __init__(self, kind: str, name: str = "in0"):
        self._kind = kind
        self._name = name

    def __call__(
        self, texts: pa.Array, origin: Provenance
    ) -> tuple[Sequences, list[Problem]]:
        """Returns the ids, and the categories that hold line breaks.

        Args:
            texts: Strings without nulls, of shape `(rows,)`.
            origin: `Provenance` of the texts.
        """
        problems = []
        if self._kind in ("category", "categories"):
            problems = list(_line_breaks(self._name, texts, origin))
        else:
            texts = pc.utf8_trim_whitespace(texts)
        lengths = np.array(pc.not_equal(texts, "")).astype(np.int64)
        marks = Sequences.from_lengths(np.ones(lengths.sum(), int), lengths)
        return marks, problems


def marked_texts(
    config: Object2VecConfig, files: Sequence[str]
) -> dict[str, MarkedTexts]:
    """Returns side -> `MarkedTexts`, for the sides that hold texts in files."""
    # Converted texts are ids.
    if is_tfrecord(files):
        return {}
    kinds = {side: config.side(side).tokenizer for side in config.sides}
    return {n: MarkedTexts(kind, n) for n, kind in kinds.items() if kind}


def _line_breaks(name, texts, origin):
    matched = pc.match_substring_regex(texts, r"[\n\r]")
    suspects = np.flatnonzero(matched).tolist()
    rows = [row for row in suspects if holds_line_break(texts[row].as_py())]
    if rows:
        kind = "line break in a category"

        def describe(row):
            text = reprlib.repr(texts[row].as_py())
            return f"{origin.locate(row)}: {name}={text}"

        yield Problem.of_rows(name, kind, "error", rows, describe, ADVICE[kind])
