"""Files that TensorFlow's file systems hold, such as `gs://` and `s3://`."""

import io
import os
from typing import BinaryIO

import pyarrow as pa

from o2v_keras.data.data_error import UnreadableError

# How packed files begin, by what arrow calls the packing.
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_PACKED = {".gz": "gzip", ".zst": "zstd"}


def is_remote(path: str) -> bool:
    """Whether a path names its file system, as `gs://bucket/a.jsonl` does.

    Example:
    >>> is_remote("gs://bucket/train.jsonl"), is_remote("train.jsonl")
    (True, False)
    """
    return "://" in path


def remote_files():
    """Returns `tf.io.gfile`; TensorFlow is loaded for remote paths only."""
    from tensorflow.io import gfile

    return gfile


def open_stream(path: str) -> pa.NativeFile:
    """Opens a file for reading from front to back, `.gz` and `.zst` unpacked.

    Raises:
        OSError: If it cannot be opened.
        UnreadableError: If it is packed otherwise than its name says.
    """
    check_packing(path)
    if not is_remote(path):
        return pa.input_stream(path)
    return unpacked(_open_remote(path), path)


def unpacked(file: BinaryIO, path: str) -> pa.NativeFile:
    """Reads an open file from front to back, `.gz` and `.zst` unpacked.

    Args:
        file: The file, as it is stored.
        path: Its name.
    """
    packing = _PACKED.get(os.path.splitext(path)[1])
    return pa.input_stream(file, compression=packing)


def check_packing(path: str) -> None:
    """Raises `UnreadableError` if a file is not packed as its name says.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.jsonl.gz")
    >>> _ = path.write_text('{"in0": [6, 17]}')
    >>> check_packing(str(path))
    Traceback (most recent call last):
    o2v_keras.data.data_error.UnreadableError: ...: is no gzip file, ...
    """
    if not is_remote(path) and not os.path.isfile(path):
        return  # A pipe cannot be looked into.
    with open_bytes(path) as stream:
        head = stream.read(4)
    expected = _PACKED.get(os.path.splitext(path)[1])
    if expected and head and not head.startswith(_MAGIC[expected]):
        ending = os.path.splitext(path)[1]
        raise UnreadableError(
            f"{path}: is no {expected} file, though its name ends in "
            f"{ending}: it begins with {head!r}. Take {ending} off its name "
            "if it is not packed, or copy it again from where it is whole."
        )
    for ending, packing in _PACKED.items():
        if expected is None and head.startswith(_MAGIC[packing]):
            raise UnreadableError(
                f"{path}: is a {packing} file. Add {ending} to its name, or "
                "unpack it."
            )


def remote_failure(path: str, error: Exception) -> str:
    """Says why TensorFlow cannot reach a path.

    Args:
        path: The path.
        error: `tf.errors.OpError`.
    """
    from tensorflow import errors

    if not isinstance(error, errors.UnimplementedError):
        return f"{path}: {error.message}"
    scheme = path.partition("://")[0]
    return (
        f"{path}: TensorFlow cannot read or write {scheme}:// here; it knows "
        "local files and gs://. Copy the data to this machine, or mount their "
        "folder, and name the local path."
    )


def open_bytes(path: str) -> io.BufferedIOBase:
    """Opens a file for reading, as it is stored.

    Raises:
        OSError: If it cannot be opened.
    """
    return _open_remote(path) if is_remote(path) else open(path, "rb")


def open_random(path: str) -> str | pa.NativeFile:
    """Returns what arrow reads a file from in any order."""
    return pa.PythonFile(_open_remote(path)) if is_remote(path) else path


def _open_remote(path):
    from tensorflow import errors

    try:
        return io.BufferedReader(_RemoteFile(path), buffer_size=1 << 20)
    except errors.OpError as error:
        raise OSError(remote_failure(path, error)) from None


class _RemoteFile(io.RawIOBase):
    """A file of `tf.io.gfile` as Python's own libraries expect one."""

    def __init__(self, path):
        self._file = remote_files().GFile(path, "rb")
        self._size = self._file.size()

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._file.tell(),
            io.SEEK_END: self._size,
        }
        self._file.seek(base[whence] + offset)
        return self._file.tell()

    def tell(self):
        return self._file.tell()

    def readinto(self, buffer):
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self):
        if not self.closed:
            self._file.close()
        super().close()
