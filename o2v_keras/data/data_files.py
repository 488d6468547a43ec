"""Paths and globs to the files they mean."""

import glob
import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import BinaryIO

from o2v_keras.data.data_error import DataError

Paths = str | os.PathLike | Sequence[str | os.PathLike]
# Opens a path for reading and decompresses it as its ending says.
Opener = Callable[[str], BinaryIO]


def expand_paths(paths: Paths) -> list[str]:
    """Lists the files that paths and globs name.

    Args:
        paths: A path or glob (`*`, `?`, `[...]`, and `**` for any depth), or
            a list of them. A file whose name looks like a glob is found by
            its name.

    Returns:
        list of str. Files in the given order, those of a glob sorted.

    Raises:
        DataError: If a path or glob names no file or names a folder, or a
            file is named twice.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    files = [file for path in paths for file in _files(os.fspath(path))]
    if not files:
        raise DataError("`paths` must name a file. Received: paths=[]")
    seen = set()
    for file in files:
        if os.path.realpath(file) in seen:
            raise DataError(
                f"{file}: is named twice, so its rows would count twice. "
                "Name it once, or copy it if you mean that."
            )
        seen.add(os.path.realpath(file))
    return files


def _files(path):
    if os.path.isdir(path):
        example = os.path.join(path, "*.jsonl")
        raise DataError(f"{path}: is a folder. Name its files: {example}")
    if os.path.exists(path):
        return [path]
    files = [f for f in glob.glob(path, recursive=True) if os.path.isfile(f)]
    if not files:
        trouble = "matches no file" if glob.has_magic(path) else "no such file"
        raise DataError(f"{path}: {trouble} (seen from {os.getcwd()})")
    return sorted(files)
