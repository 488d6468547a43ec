"""Texts of rows whose ids alone are held."""

import numpy as np

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.files.column_files import read_columns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import texts_in_memory
from o2v_keras.data.read.paths import is_tfrecord
from o2v_keras.data.read_source import Source
from o2v_keras.data.row_origin import RowOrigin


def has_texts(source: Source) -> bool:
    """Whether a source holds texts still, and not their ids alone."""
    return not (isinstance(source, PairTable) or is_tfrecord(source))


def original_texts(source: Source, origin: RowOrigin, column: str) -> list[str]:
    """Returns the texts of rows, read from their source again.

    Args:
        source: What was read: files, or data in memory.
        origin: Of the rows, in any order.
        column: Name of the column with the texts.

    Example:
    >>> source = {"in0": ["a dog", "a cat", "a cow"]}
    >>> rows = RowOrigin.in_memory(3).take(np.array([2, 0]))
    >>> original_texts(source, rows, "in0")
    ['a cow', 'a dog']
    """
    if is_in_memory(source):
        texts = texts_in_memory(source, column)
        return [texts[row] for row in origin.numbers]
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
    for piece in read_columns(path, {"text": Column(column, "text")}):
        wanted = np.isin(piece.numbers, numbers)
        rows = piece.table["text"].filter(wanted).to_pylist()
        texts.update(zip(piece.numbers[wanted].tolist(), rows, strict=True))
    return [texts[number] for number in numbers.tolist()]
