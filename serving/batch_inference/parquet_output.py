"""Answers as a Parquet column."""

import pathlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from serving.batch_inference.answers import Answers


class ParquetOutput:
    """A column of lists of float32; a bad row is null.

    Args:
        column: Name of the column, `"scores"` or `"embeddings"`.
    """

    def __init__(self, column: str):
        self._schema = pa.schema([(column, pa.list_(pa.float32()))])

    def write_part(self, file: BinaryIO, answers: Answers):
        """Writes the answers of one window."""
        sound = answers.sound
        lengths = np.where(sound, answers.values.shape[1], 0)
        lists = pa.LargeListArray.from_arrays(
            np.append(0, np.cumsum(lengths)),
            answers.values[sound].ravel(),
            mask=pa.array(~sound),
        )
        table = pa.table([lists.cast(self._schema.types[0])], self._schema)
        pyarrow.parquet.write_table(table, file, use_dictionary=False)

    def join(self, file: BinaryIO, parts: Sequence[pathlib.Path]):
        """Writes one file of all parts."""
        with pyarrow.parquet.ParquetWriter(
            file, self._schema, use_dictionary=False
        ) as writer:
            for part in parts:
                writer.write_table(
                    pyarrow.parquet.read_table(part, schema=self._schema)
                )
