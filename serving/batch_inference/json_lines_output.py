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
from serving.batch_inference.window import is_name

ERROR = "error"

_NUMBERS_AT_ONCE = 1 << 20


class JsonLinesOutput:
    """`{"scores": [...]}`, `{"embeddings": [...]}` or `{"error": "..."}`.

    Numbers have the fewest digits that give the same float32. Arrow writes
    them, several times as fast as `json` and while other threads run.

    Args:
        column: `"scores"` or `"embeddings"`.
        id_column: What names a row stands before its answer under this name.
            Defaults to `None`: nothing does.
    """

    def __init__(self, column: str, id_column: str | None = None):
        self._column = column
        self._id_column = id_column

    def write_part(self, file: BinaryIO, answers: Answers):
        """Writes the answers of one window."""
        values = answers.values
        step = max(1, _NUMBERS_AT_ONCE // max(1, values.shape[1]))
        for start in range(0, len(values), step):
            openings = self._openings(answers, start, start + step)
            lines = self._lines(values[start : start + step], openings)
            bad = [r for r in answers.reasons if start <= r < start + step]
            if bad:
                texts = lines.to_pylist()
                for row in bad:
                    error = {**self._named(answers, row)}
                    error[ERROR] = answers.reasons[row]
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

    def _openings(self, answers, start, end):
        """What stands before the numbers: one text, or one for each row."""
        opening = f'"{self._column}": ['
        if self._id_column is None:
            return f"{{{opening}"
        key = json.dumps(self._id_column)
        return pa.array(
            [
                f"{{{key}: {json.dumps(name)}, {opening}"
                for name in answers.names[start:end]
            ],
            pa.string(),
        )

    def _named(self, answers, row):
        if self._id_column is None or not is_name(answers.names[row]):
            return {}
        return {self._id_column: answers.names[row]}

    def _lines(self, values, openings):
        texts = _texts(values.ravel())
        ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
        rows = pc.binary_join(pa.ListArray.from_arrays(ends, texts), ", ")
        return pc.binary_join_element_wise(openings, rows, "]}\n", "")


def _texts(values):
    texts = pa.array(values).cast(pa.string())
    if (values == np.trunc(values)).any():
        # Arrow writes 1 for 1.0, which a reader would take for an integer.
        whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
        pointed = pc.binary_join_element_wise(texts, ".0", "")
        texts = pc.if_else(whole, pointed, texts)
    return texts
