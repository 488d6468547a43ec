"""Opens local and remote files for reading."""

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError

# First bytes of compressed files, by arrow's name of the compression.
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_PACKED = {".gz": "gzip", ".zst": "zstd"}
# File systems of TensorFlow's wheel. fsspec reads the first with gcsfs only
# and does not know the second.
_TENSORFLOW = ("gs", "ram")
# Names of a file's version in object stores and web servers.
_VERSIONS = (
    *("ETag", "etag", "LastModified", "Last-Modified", "updated"),
    *("mtime", "created"),
)
_BUFFER_BYTES = 1 << 20
_WEB_SECONDS = 300


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, such as `s3://bucket/a.jsonl`.

    Example:
    >>> is_remote("s3://bucket/train.jsonl"), is_remote("train.jsonl")
    (True, False)
    """
    return "://" in path


def file_system(path: str):
    """Returns fsspec's file system of a remote path.

    Args:
        path: Such as `s3://bucket/a.jsonl`.

    Returns:
        `fsspec.AbstractFileSystem` and the path within it.

    Raises:
        UnreadableError: If no file system is known for the path, or a package
            that it needs is not installed.

    Example:
    >>> file_system("memory://folder/a.jsonl")[1]
    '/folder/a.jsonl'
    """
    from fsspec.core import url_to_fs

    with failures_named(path):
        try:
            return url_to_fs(path, **_settings(path))
        except (ImportError, ValueError):
            if _protocol(path) not in _TENSORFLOW:
                raise
        from o2v_keras.data.read.tensorflow_files import TensorFlowFiles

        return TensorFlowFiles(), path


def output_files():
    """Returns `tf.io.gfile`, which writes local and remote files."""
    from tensorflow.io import gfile

    return gfile


@contextlib.contextmanager
def failures_named(path: str) -> Iterator[None]:
    """Raises `UnreadableError` with the path for any failure inside."""
    try:
        yield
    except DataError:
        raise
    # Each file system raises errors of its own.
    except Exception as error:
        raise UnreadableError(f"{path}: {_reason(path, error)}") from error


def open_stream(path: str) -> pa.NativeFile:
    """Opens a file for sequential reading; decompresses `.gz` and `.zst`.

    Raises:
        OSError: If a local file cannot be opened.
        UnreadableError: If a remote file cannot be opened, or the file is not
            packed as its name says.
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
        return  # Reading a pipe would consume it.
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


def open_bytes(path: str) -> io.BufferedIOBase:
    """Opens a file for sequential reading, without decompression.

    Raises:
        OSError: If a local file cannot be opened.
        UnreadableError: If a remote file cannot be opened.
    """
    return _open_remote(path) if is_remote(path) else open(path, "rb")


def open_random(path: str) -> str | pa.NativeFile:
    """Returns a path or stream for arrow to read in any order."""
    if not is_remote(path):
        return path
    return pa.PythonFile(_open_remote(path, in_order=False))


def is_file(path: str) -> bool:
    """Whether there is such a file.

    Raises:
        UnreadableError: If a remote file system cannot tell.
    """
    if not is_remote(path):
        return os.path.isfile(path)
    files, name = file_system(path)
    with failures_named(path):
        try:
            return files.info(name)["type"] == "file"
        except FileNotFoundError:
            return False


def file_state(path: str) -> dict[str, int | str]:
    """Returns the size and the version of a file, to detect changes.

    Returns:
        `bytes`, and `mtime` in nanoseconds; for a remote file `mtime` is its
        version as a string, empty if it has none.

    Raises:
        OSError: If a local file is missing.
        UnreadableError: If a remote file cannot be reached.
    """
    if not is_remote(path):
        status = os.stat(path)
        return {"bytes": status.st_size, "mtime": status.st_mtime_ns}
    files, name = file_system(path)
    with failures_named(path):
        info = files.info(name)
    versions = [info[key] for key in _VERSIONS if info.get(key)]
    return {"bytes": info["size"], "mtime": str(next(iter(versions), ""))}


def _open_remote(path, in_order=True):
    files, name = file_system(path)
    with failures_named(path):
        if "http" not in files.protocol:
            file = files.open(name, "rb")
        elif in_order:
            file = files.open(name, "rb", block_size=0)  # one request
        else:
            file = _open_ranges(files, name)
    return io.BufferedReader(_RemoteFile(path, file), _BUFFER_BYTES)


def _settings(path):
    """Sets no time limit for a web server's file, but one for each part."""
    if not path.startswith(("http://", "https://")):
        return {}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_read=_WEB_SECONDS)
    return {"client_kwargs": {"timeout": timeout}}


def _open_ranges(files, name):
    """Opens by range requests; copies the file if the server has none."""
    file = files.open(name, "rb")
    try:
        file.seek(-1, io.SEEK_END)
        file.read(1)
        file.seek(0)
    except ValueError:
        with files.open(name, "rb", block_size=0) as response:
            file = tempfile.TemporaryFile()
            shutil.copyfileobj(response, file)
        file.seek(0)
    return file


class _RemoteFile(io.RawIOBase):
    """Wraps a remote file as a Python raw stream; errors name the path."""

    def __init__(self, path, file):
        self._path, self._file = path, file

    def readable(self):
        return True

    def seekable(self):
        return self._file.seekable()

    def seek(self, offset, whence=io.SEEK_SET):
        with failures_named(self._path):
            self._file.seek(offset, whence)
            return self._file.tell()

    def tell(self):
        return self._file.tell()

    def readinto(self, buffer):
        with failures_named(self._path):
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self):
        if not self.closed:
            self._file.close()
        super().close()


def _protocol(path):
    return path.partition("://")[0].rpartition("::")[2]


def _reason(path, error):
    protocol = _protocol(path)
    if isinstance(error, ImportError):
        # fsspec's own error names the package in words only.
        missing = getattr(error.__cause__, "name", None) or error.name
        package = (missing or protocol).partition(".")[0]
        return (
            f"to read {protocol}:// a package is missing. Run `pip install "
            f"{package}`. ({error})"
        )
    if str(error).startswith("Protocol not known"):
        return (
            f"{protocol}:// is no file system that fsspec knows. Name "
            "another, such as s3:// or https://, or a local path."
        )
    # fsspec says "not found" of whatever a web server refuses.
    cause = error.__cause__
    if cause is not None and not isinstance(cause, FileNotFoundError):
        error = cause
    if isinstance(error, FileNotFoundError) or _status(error) == 404:
        return "no such file"
    if isinstance(error, PermissionError) or _status(error) in (401, 403):
        return f"no permission to read it: {_words(error)}"
    return f"cannot be read: {_words(error)}"


def _status(error):
    return getattr(error, "status", None)


def _words(error):
    words = getattr(error, "message", "") or str(error)
    if _status(error):
        return f"the server answers {_status(error)} {words}".rstrip()
    return words or type(error).__name__
