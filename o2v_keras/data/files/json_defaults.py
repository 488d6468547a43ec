"""Fields that JSON records may lack."""

import json

import numpy as np
import pyarrow as pa

from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import parse_record
from o2v_keras.data.files.text_lines import TextLines


def names_field(text: bytes, name: str) -> bool:
    """Whether a record of a text may have a field; cheap where none has.

    Example:
    >>> names_field(b'{"in0": [1]}', "weight")
    False
    """
    return json.dumps(name).encode() in text


def with_defaults(
    numbers: pa.ChunkedArray, column: Column, lines: TextLines
) -> pa.ChunkedArray:
    r"""Returns numbers with the default where a record has no such field.

    To arrow a field that is not there and a null are one; a null stays.

    Args:
        numbers: float64 `(lines,)`.
        column: Of these numbers; has a default.
        lines: The records.

    Example:
    >>> lines = TextLines.scan(b'{"w": 2}\n{}\n{"w": null}', 1)
    >>> numbers = pa.chunked_array([[2.0, None, None]])
    >>> with_defaults(numbers, Column("w", "number", 1.0), lines).to_pylist()
    [2.0, 1.0, None]
    """
    if not numbers.null_count:
        return numbers
    values = numbers.to_pylist()
    for row in np.flatnonzero(np.array(numbers.is_null())):
        record = lines.text[lines.starts[row] : lines.ends[row]]
        if not names_field(record, column.name):
            values[row] = column.default
        else:
            found, _ = parse_record(record.decode(), {"": column})
            values[row] = found.get("")
    return pa.chunked_array([values], pa.float64())
