"""Some consecutive vectors of a file."""

from typing import NamedTuple

import numpy as np


class VectorBlock(NamedTuple):
    """Words and their vectors, as they stand in a file.

    Args:
        first: Number of the first one: its line, or its row from 0.
        words: Words in UTF-8, one a vector; `b""` where there is none.
        values: float32 `(words, dim)`, all finite.
    """

    first: int
    words: list[bytes]
    values: np.ndarray
