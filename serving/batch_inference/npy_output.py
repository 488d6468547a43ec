"""Answers as one NumPy array."""

import pathlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from serving.batch_inference.answers import Answers


class NpyOutput:
    """float32 `(rows, dim)` for `np.load`; a bad row is NaN.

    `dim` is 0 if there is no row or all are bad.
    """

    def write_part(self, file: BinaryIO, answers: Answers):
        """Writes the answers of one window."""
        np.save(file, answers.values)

    def join(self, file: BinaryIO, parts: Sequence[pathlib.Path]):
        """Writes one file of all parts."""
        shapes = [_shape(part) for part in parts]
        dim = max((dim for _, dim in shapes), default=0)
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
            "fortran_order": False,
            "shape": (sum(rows for rows, _ in shapes), dim),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for part, (rows, part_dim) in zip(parts, shapes, strict=True):
            # A window of bad rows alone does not know the others' dim.
            values = (
                np.load(part)
                if part_dim
                else np.full((rows, dim), np.nan, np.float32)
            )
            file.write(values.data)


def _shape(part):
    with open(part, "rb") as file:
        np.lib.format.read_magic(file)
        return np.lib.format.read_array_header_1_0(file)[0]
