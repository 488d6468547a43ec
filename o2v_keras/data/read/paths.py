"""Expands paths, globs and folders to files."""

import fnmatch
import glob
import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.file_system import failures_named
from o2v_keras.data.read.file_system import file_system
from o2v_keras.data.read.file_system import is_file
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.file_system import open_stream

MANIFEST = "_manifest.json"
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_NAMES_SHOWN = 5
_TFRECORD = (".tfrecord", ".tfrecord.gz")
# Spark and Hive mark other files so: _SUCCESS, .part-0.crc.
_HIDDEN = ("_", ".")
_SHARD = re.compile(r"(?P<stem>.*?)(?P<number>\d+)-of-(?P<count>\d+)[^.]*")


def expand_paths(paths: Paths) -> list[str]:
    """Lists the files that paths, globs and folders name.

    Args:
        paths: A path, glob (`*`, `?`, `[...]`, and `**` for any depth) or
            folder, or a list of them. A path that exists is taken by its
            name, even if it looks like a glob; so are folders that exist at
            the beginning of a glob. A folder stands for the files in it, not
            for folders below. In folders and globs, names that begin with
            `_` or `.` are passed over, as Spark and Hive do. A folder must
            hold all shards that its `_manifest.json` or names such as
            `pairs-00001-of-00003.tfrecord` announce. fsspec finds remote
            paths such as `s3://bucket/*.jsonl`; `gs://` without gcsfs goes to
            TensorFlow. In URLs `?` is no wildcard, and a folder ends in `/`.

    Returns:
        list of str. Files in the given order, those of a glob or folder
        sorted.

    Raises:
        DataError: If a path, glob or folder names no file, a file is named
            twice, a folder lacks shards, or a remote path cannot be reached.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            raise DataError(
                "A list of data must hold paths or globs. Join data frames "
                "into one, and make a mapping of columns of records. "
                f"Received: a list with a {type(path).__name__}"
            )
    files = [
        file
        for path in [os.fspath(path) for path in paths]
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
    """Whether a glob that matches a file includes it.

    Hidden files, and files in hidden folders, are included only if the
    pattern names the prefix.

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


def missing_shards(names: Sequence[str], manifest: dict[str, Any]) -> list[str]:
    """Lists the shards that a folder lacks.

    Args:
        names: Names of the files of a folder. Shards are those such as
            `pairs-00001-of-00003.tfrecord`, numbered from 0 or 1.
        manifest: Content of the folder's `_manifest.json`, whose `shards`
            are expected, too.

    Returns:
        list of str, sorted.

    Example:
    >>> missing_shards(["a-00000-of-00003.gz", "a-00002-of-00003.gz"], {})
    ['a-00001-of-00003.gz']
    """
    numbers = defaultdict(set)
    for name in names:
        if shard := _SHARD.match(name):
            ending = name[shard.end() :]
            found = shard["stem"], shard["count"], ending
            numbers[found].add(int(shard["number"]))
    missing = {shard["file"] for shard in manifest.get("shards", ())}
    missing -= set(names)
    for (stem, count, ending), found in numbers.items():
        first = int(int(count) in found)
        expected = range(first, int(count) + first)
        missing |= {
            f"{stem}{number:0{len(count)}d}-of-{count}{ending}"
            for number in set(expected) - found
        }
    return sorted(missing)


def is_tfrecord(source: Any) -> bool:
    """Whether a source is paths of TFRecord files only.

    Raises:
        DataError: If a path names no file.

    Example:
    >>> is_tfrecord({"in0": ["a dog"]})
    False
    """
    if not isinstance(source, str | os.PathLike | list | tuple):
        return False
    return all(file.endswith(_TFRECORD) for file in expand_paths(source))


def read_manifest(folder: str) -> dict[str, Any]:
    """Returns the manifest that `convert` wrote to a folder.

    Returns:
        Content of `_manifest.json`; empty without one, or for a manifest of
        another program.

    Raises:
        DataError: If a remote folder cannot be reached.
    """
    path = os.path.join(folder, MANIFEST)
    if not is_file(path):
        return {}
    with open_stream(path) as stream:
        text = stream.read()
    try:
        manifest = json.loads(text)
    except ValueError:
        return {}
    is_ours = isinstance(manifest, dict) and "job" in manifest
    return manifest if is_ours else {}


def auxiliary_file(
    field: str, name: str, folder: str | os.PathLike[str] | None = None
) -> str:
    """Returns the path of a file that a hyperparameter names.

    Args:
        field: The hyperparameter, for the message.
        name: Its value. A relative path is relative to `folder`.
        folder: SageMaker's channel `auxiliary`; may be remote. Defaults to
            `None`: the working directory.

    Raises:
        DataError: If there is no such file; the message names the path.

    Example:
    >>> import pathlib, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = pathlib.Path(folder, "words.json").write_text('{"the": 2}')
    >>> path = auxiliary_file("enc0_vocab_file", "words.json", folder)
    >>> path == folder + "/words.json"
    True
    """
    path = name
    if not is_remote(name):
        path = os.path.join(os.getcwd() if folder is None else folder, name)
    if is_file(path):
        return path
    place, hint = "the auxiliary channel", ""
    if folder is None:
        place = "the working directory"
        hint = " `auxiliary` (`--auxiliary DIR`) names another folder."
    raise DataError(
        f"`{field}` must be the whole path of a file, or its path from "
        f"{place}, but there is no file {path}.{hint} "
        f"Received: {field}={name!r}"
    )


def _local(path):
    if os.path.isdir(path):
        paths = {n: os.path.join(path, n) for n in os.listdir(path)}
        return _of_folder(
            path, {n: p for n, p in paths.items() if os.path.isfile(p)}
        )
    if os.path.exists(path):
        return [path]
    pattern = _pattern(path)
    files = [f for f in glob.glob(pattern, recursive=True) if os.path.isfile(f)]
    files = [file for file in files if is_meant(file, path)]
    if not files:
        trouble = "matches no file" if glob.has_magic(path) else "no such file"
        raise DataError(f"{path}: {trouble} (seen from {os.getcwd()})")
    return sorted(files)


def _pattern(path):
    """Escapes the existing folders at the beginning of a glob."""
    folder, rest = os.path.split(path)
    while folder and rest and not os.path.isdir(folder):
        folder, name = os.path.split(folder)
        rest = os.path.join(name, rest)
    return os.path.join(glob.escape(folder), rest)


def _remote(path):
    files, name = file_system(path)
    is_web = "http" in files.protocol
    with failures_named(path):
        try:
            kind = files.info(name)["type"]
            # A web server has no word for a folder.
            if is_web and path.endswith("/"):
                kind = "directory"
        except FileNotFoundError:
            if not glob.has_magic(path):
                raise
            kind = None
        if kind == "file":
            return [path]
        found = (
            files.ls(name, detail=True)
            if kind
            else files.glob(name, detail=True).values()
        )
        found = [
            files.unstrip_protocol(entry["name"])
            for entry in found
            if entry["type"] == "file"
        ]
    if kind:
        return _of_folder(path, {f.rpartition("/")[2]: f for f in found})
    found = sorted(file for file in found if is_meant(file, path))
    if not found:
        raise DataError(f"{path}: matches no file")
    return found


def _of_folder(folder, files):
    """Returns the files of a folder that are not hidden, in order.

    Args:
        folder: Path of the folder.
        files: Name -> path of each file in it.
    """
    shown = [
        path
        for name, path in sorted(files.items())
        if not name.startswith(_HIDDEN)
    ]
    if not shown:
        raise DataError(f"{folder}: is a folder without files. Name files.")
    manifest = read_manifest(folder) if MANIFEST in files else {}
    missing = missing_shards(files, manifest)
    if missing:
        names = ", ".join(missing[:_NAMES_SHOWN])
        more = len(missing) - _NAMES_SHOWN
        names += f" and {more} more" if more > 0 else ""
        raise DataError(
            f"{folder}: lacks {names}. Copy what is missing, convert again, "
            "or name the files to be read."
        )
    return shown
