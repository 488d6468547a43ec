"""Answers as the JSON Lines of SageMaker's endpoints."""

import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.batch_inference.answers import Answers

_NUMBERS_AT_ONCE = 1 << 20


class JsonLinesOutput:
    """`{"scores": [...]}`, `{"embeddings": [...]}` or `{"error": "..."}`.

    Numbers have the fewest digits that give the same float32. Arrow writes
    them, several times as fast as `json` and while other threads run.

    Args:
        column: `"scores"` or `"embeddings"`.
    """

    def __init__(self, column: str):
        self._column = column

    def write_part(self, file: BinaryIO, answers: Answers):
        """Writes the answers of one window."""
        values = answers.values
        step = max(1, _NUMBERS_AT_ONCE // max(1, values.shape[1]))
        for start in range(0, len(values), step):
            lines = self._lines(values[start : start + step])
            bad = [r for r in answers.reasons if start <= r < start + step]
            if bad:
                texts = lines.to_pylist()
                for row in bad:
                    error = {"error": answers.reasons[row]}
                    texts[row - start] = json.dumps(error) + "\n"
                lines = pa.array(texts)
            # The text of the lines in a row, without making strings of it.
            _, ends, text = lines.buffers()
            size = np.frombuffer(ends, np.int32)[len(lines)]
            file.write(memoryview(text)[:size])

    def join(self, file: BinaryIO, parts: Sequence[pathlib.Path]):
        """Writes one file of all parts."""
        for part in parts:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)

    def _lines(self, values):
        texts = _texts(values.ravel())
        ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
        rows = pc.binary_join(pa.ListArray.from_arrays(ends, texts), ", ")
        opening = f'{{"{self._column}": ['
        return pc.binary_join_element_wise(opening, rows, "]}\n", "")


def _texts(values):
    texts = pa.array(values).cast(pa.string())
    if (values == np.trunc(values)).any():
        # Arrow writes 1 for 1.0, which a reader would take for an integer.
        whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
        pointed = pc.binary_join_element_wise(texts, ".0", "")
        texts = pc.if_else(whole, pointed, texts)
    return texts
