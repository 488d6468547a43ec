"""Reads files in the format safetensors."""

import json
import math
import os
from collections.abc import Mapping

import numpy as np

from o2v_keras.data.data_error import DataError

_DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I8": np.dtype("i1"),
}
# The upper half of a float32.
_BFLOAT16 = np.dtype("<u2")


def read_safetensors(path: str | os.PathLike[str]) -> Mapping[str, np.ndarray]:
    """Reads the tensors of a file.

    The arrays are views of the mapped file, so only what is used is read;
    bfloat16 becomes float32. Tensors of other types than floats and int8,
    int32 and int64 are left out.

    Args:
        path: The file, on this machine.

    Returns:
        Name -> array.

    Raises:
        DataError: If the file is missing, cut off or something else.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.safetensors"
    >>> header = b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    >>> with open(path, "wb") as file:
    ...     _ = file.write(len(header).to_bytes(8, "little") + header)
    ...     _ = file.write(np.array([1, 2], "<f4").tobytes())
    >>> read_safetensors(path)["x"]
    memmap([1., 2.], dtype=float32)

    Reference:
    - [safetensors](https://github.com/huggingface/safetensors), "Format"
    """
    try:
        content = np.memmap(path, np.uint8, "r")
        length = int(content[:8].view("<u8")[0])
        header = json.loads(content[8 : 8 + length].tobytes())
        header.pop("__metadata__", None)
        data = content[8 + length :]
        return {
            name: _array(data, entry)
            for name, entry in header.items()
            if entry["dtype"] in _DTYPES or entry["dtype"] == "BF16"
        }
    except (
        *(OSError, ValueError, OverflowError),
        *(IndexError, KeyError, AttributeError, TypeError),
    ) as error:
        raise DataError(
            f"{os.fspath(path)}: must be a whole file in the format "
            f"safetensors. Received: {error}"
        ) from None


def _array(data, entry):
    dtype = _DTYPES.get(entry["dtype"], _BFLOAT16)
    start, stop = entry["data_offsets"]
    shape = entry["shape"]
    if stop - start != dtype.itemsize * math.prod(shape) or stop > len(data):
        raise ValueError(f"bytes {start} to {stop} for the shape {shape}")
    values = data[start:stop].view(dtype).reshape(shape)
    if dtype == _BFLOAT16:
        return (values.astype("<u4") << 16).view("<f4")
    return values
