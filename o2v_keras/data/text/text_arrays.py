"""Texts in memory, whatever holds them."""

import reprlib
from typing import Any

import numpy as np
import pyarrow as pa


def to_texts(data: Any, name: str) -> pa.Array:
    """Makes an arrow array of texts.

    Args:
        data: A list or 1-D NumPy array of strings, an arrow string array, or
            whatever NumPy makes such an array of.
        name: The argument as error messages call it.

    Raises:
        ValueError: If a row is no text. The message names `name` and the
            first such row.

    Example:
    >>> to_texts(np.array(["a dog", ""]), "in0").to_pylist()
    ['a dog', '']
    """
    if isinstance(data, pa.ChunkedArray):
        data = data.combine_chunks()
    if isinstance(data, pa.Array):
        texts = data.to_pylist()
    elif isinstance(data, list | tuple):
        texts = data
    else:
        array = np.asarray(data)
        if array.ndim != 1:
            raise _error(name, f"{name} of shape {array.shape}")
        texts = array.tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise _error(name, f"{name}[{row}]={reprlib.repr(text)}")
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        row = next(r for r, text in enumerate(texts) if not _is_whole(text))
        raise _error(
            name, f"{name}[{row}]={reprlib.repr(texts[row])}, half a character"
        ) from None


def _is_whole(text):
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _error(name, received):
    return ValueError(
        f"`{name}` must be texts, since the side has a tokenizer: a list or "
        f"1-D array of strings. Received: {received}"
    )
