"""Texts of rows whose ids alone are held."""

from collections.abc import Mapping

import numpy as np

from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.record import Column
from o2v_keras.data.read_source import Source
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.text.text_arrays import to_texts


def has_texts(source: Source) -> bool:
    """Whether a source holds texts still, and not their ids alone."""
    return not isinstance(source, PairTable)


def original_texts(source: Source, origin: RowOrigin, column: str) -> list[str]:
    """Returns the texts of rows, read from their source again.

    Args:
        source: What was read: files, or a mapping.
        origin: Of the rows, in any order.
        column: Name of the column with the texts.

    Example:
    >>> source = {"in0": ["a dog", "a cat", "a cow"]}
    >>> rows = RowOrigin.in_memory(3).take(np.array([2, 0]))
    >>> original_texts(source, rows, "in0")
    ['a cow', 'a dog']
    """
    if isinstance(source, Mapping):
        texts = to_texts(source[column], column)
        return texts.take(origin.numbers).to_pylist()
    found = np.empty(len(origin), object)
    for number, file in enumerate(origin.sources):
        rows = np.flatnonzero(origin.source_ids == number)
        if len(rows):
            found[rows] = _texts_of_file(
                file.path, origin.numbers[rows], column
            )
    return found.tolist()


def _texts_of_file(path, numbers, column):
    """Returns the texts in some lines or rows of a file, any order."""
    texts = dict.fromkeys(numbers.tolist())
    for piece in read_blocks(path, {"text": Column(column, "text")}):
        wanted = np.isin(piece.numbers, numbers)
        rows = piece.table["text"].filter(wanted).to_pylist()
        texts.update(zip(piece.numbers[wanted].tolist(), rows, strict=True))
    return [texts[number] for number in numbers.tolist()]
