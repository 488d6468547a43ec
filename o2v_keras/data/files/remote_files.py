"""Files that TensorFlow's file systems hold, such as `gs://` and `s3://`."""

import io

import pyarrow as pa


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
    """
    if not is_remote(path):
        return pa.input_stream(path)
    endings = {".gz": "gzip", ".zst": "zstd"}
    found = [name for ending, name in endings.items() if path.endswith(ending)]
    return pa.input_stream(
        _open_remote(path), compression=found[0] if found else None
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
        raise OSError(error.message) from None


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
