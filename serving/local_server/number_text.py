"""Text of floating-point numbers in TF Serving's answers."""

import numpy as np

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_PRECISE = {np.dtype(np.float32): ".9g", np.dtype(np.float64): ".17g"}


def number_texts(array: np.ndarray) -> list[str]:
    """Writes numbers with six digits, or with all that they need.

    Args:
        array: float32 or float64 array of any shape.

    Returns:
        JSON tokens, which `NaN` and `Infinity` are to TF Serving, in the
        array's order.

    Example:
    >>> number_texts(np.array([1, 0.1, 1e6, 1 / 3, np.inf], np.float32))
    ['1.0', '0.1', '1e+06', '0.333333343', 'Infinity']
    """
    array = array.ravel()
    values = array.tolist()
    texts = [f"{value:g}" for value in values]
    with np.errstate(over="ignore"):
        read_back = np.array(texts, np.float64).astype(array.dtype)
    precise = _PRECISE[array.dtype]
    for index in np.flatnonzero(read_back != array).tolist():
        texts[index] = format(values[index], precise)
    return [_as_decimal(text) for text in texts]


def number_text(value: np.floating) -> str:
    """Writes one number.

    Example:
    >>> number_text(np.float64(2))
    '2.0'
    """
    return number_texts(np.asarray(value))[0]


def _as_decimal(text):
    if "." in text or "e" in text:
        return text
    return _NOT_FINITE.get(text) or text + ".0"
