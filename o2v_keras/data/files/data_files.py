"""Paths, globs and folders to the files they mean."""

import fnmatch
import glob
import json
import os
from collections.abc import Sequence

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.remote_files import is_remote
from o2v_keras.data.files.remote_files import open_stream
from o2v_keras.data.files.remote_files import remote_files
from o2v_keras.data.files.shard_names import MANIFEST
from o2v_keras.data.files.shard_names import missing_shards

_NAMES_SHOWN = 5
# As Spark and Hive mark what is beside the data: _SUCCESS, .part-0.crc.
_HIDDEN = ("_", ".")
Paths = str | os.PathLike | Sequence[str | os.PathLike]


def expand_paths(paths: Paths) -> list[str]:
    """Lists the files that paths, globs and folders name.

    Args:
        paths: A path, glob (`*`, `?`, `[...]`, and `**` for any depth) or
            folder, or a list of them. A file whose name looks like a glob is
            found by its name. A folder stands for the files in it, not for
            folders below. Of a folder and of what wildcards match, names
            that begin with `_` or `.` are passed over, as Spark and Hive
            do. A folder must hold all shards that its
            `_manifest.json` or names such as `pairs-00001-of-00003.tfrecord`
            tell of. Paths such as `gs://bucket/*.tfrecord` go
            to TensorFlow's file systems, which know no `**`.

    Returns:
        list of str. Files in the given order, those of a glob or folder
        sorted.

    Raises:
        DataError: If a path, glob or folder names no file, a file is named
            twice, or a folder lacks shards.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    files = [
        file
        for path in map(os.fspath, paths)
        for file in (_remote(path) if is_remote(path) else _local(path))
    ]
    if not files:
        raise DataError("`paths` must name a file. Received: paths=[]")
    seen = set()
    for file in files:
        place = file if is_remote(file) else os.path.realpath(file)
        if place in seen:
            raise DataError(
                f"{file}: is named twice, so its rows would count twice. "
                "Name it once, or copy it if you mean that."
            )
        seen.add(place)
    return files


def is_meant(file: str, pattern: str) -> bool:
    """Whether a glob means a file that it matches.

    Hidden files and those in hidden folders are meant only if the pattern
    says so.

    Example:
    >>> is_meant("out/_SUCCESS", "out/*"), is_meant("out/_a.csv", "out/_*")
    (False, True)
    """
    said = [part for part in pattern.split("/") if part.startswith(_HIDDEN)]
    return all(
        any(part == name or fnmatch.fnmatchcase(part, name) for name in said)
        for part in file.split("/")
        if part.startswith(_HIDDEN)
    )


def _local(path):
    if os.path.isdir(path):
        names = os.listdir(path)
        return _of_folder(path, names, os.path.join, os.path.isfile)
    if os.path.exists(path):
        return [path]
    files = [f for f in glob.glob(path, recursive=True) if os.path.isfile(f)]
    files = [file for file in files if is_meant(file, path)]
    if not files:
        trouble = "matches no file" if glob.has_magic(path) else "no such file"
        raise DataError(f"{path}: {trouble} (seen from {os.getcwd()})")
    return sorted(files)


def _remote(path):
    from tensorflow import errors

    gfile = remote_files()
    try:
        if gfile.isdir(path):
            names = [name.rstrip("/") for name in gfile.listdir(path)]
            return _of_folder(
                path, names, gfile.join, lambda f: not gfile.isdir(f)
            )
        if gfile.exists(path):
            return [path]
        files = [
            file
            for file in gfile.glob(path)
            if is_meant(file, path) and not gfile.isdir(file)
        ]
    except errors.OpError as error:
        raise DataError(f"{path}: {error.message}") from None
    if not files:
        raise DataError(f"{path}: names no file")
    return sorted(files)


def _of_folder(folder, names, join, is_file):
    files = [
        join(folder, name)
        for name in sorted(names)
        if not name.startswith(_HIDDEN)
    ]
    files = [file for file in files if is_file(file)]
    if not files:
        raise DataError(f"{folder}: is a folder without files. Name files.")
    manifest = {}
    if MANIFEST in names:
        manifest = _read_manifest(join(folder, MANIFEST))
    missing = missing_shards(names, manifest)
    if missing:
        shown = ", ".join(missing[:_NAMES_SHOWN])
        more = len(missing) - _NAMES_SHOWN
        shown += f" and {more} more" if more > 0 else ""
        raise DataError(
            f"{folder}: lacks {shown}. Copy what is missing, convert again, "
            "or name the files to be read."
        )
    return files


def _read_manifest(path):
    with open_stream(path) as stream:
        text = stream.read()
    try:
        manifest = json.loads(text)
    except ValueError:
        manifest = None
    # Other programs write files of this name, too.
    is_ours = isinstance(manifest, dict) and "job" in manifest
    return manifest if is_ours else {}
