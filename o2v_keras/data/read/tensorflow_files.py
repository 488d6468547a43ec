"""TensorFlow's file systems as an fsspec file system."""

from typing import Any

import fsspec
from tensorflow import errors
from tensorflow.io import gfile


class TensorFlowFiles(fsspec.AbstractFileSystem):
    """Reads `gs://` without gcsfs, and TensorFlow's own `ram://`.

    Example:
    >>> gfile.makedirs("ram://doctest")
    >>> with gfile.GFile("ram://doctest/a.jsonl", "w") as file:
    ...     _ = file.write("{}")
    >>> TensorFlowFiles().glob("ram://doctest/*.jsonl")
    ['ram://doctest/a.jsonl']
    """

    protocol = ("tensorflow",)

    @classmethod
    def _strip_protocol(cls, path):
        return path.rstrip("/")

    def info(self, path, **_: Any):
        try:
            status = gfile.stat(path)
        except errors.NotFoundError:
            raise FileNotFoundError(path) from None
        return {
            "name": path,
            "size": status.length,
            "type": "directory" if status.is_directory else "file",
            "mtime": status.mtime_nsec,
        }

    def ls(self, path, detail=True, **_: Any):
        names = [gfile.join(path, n.rstrip("/")) for n in gfile.listdir(path)]
        return [self.info(name) for name in names] if detail else names

    def unstrip_protocol(self, name):
        return name

    def _open(self, path, mode="rb", **_):
        return gfile.GFile(path, mode)


def output_failure(path: str, error: errors.OpError) -> str:
    """Returns the reason why TensorFlow cannot write to a path."""
    if not isinstance(error, errors.UnimplementedError):
        return f"{path}: {error.message}"
    scheme = path.partition("://")[0]
    return (
        f"{path}: TensorFlow cannot write {scheme}:// here; it knows local "
        "files and gs://. Name a local folder, and copy its files."
    )
