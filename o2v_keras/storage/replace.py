"""Atomic writes: a killed process leaves the old or the new file or folder.

The new file or folder is written to a staging folder next to its target,
`.<name>.o2v-partial/new`, synced to the disk and renamed to its target. An
old folder is first renamed to `.<name>.o2v-partial/old`, and removed last.
The process holds a lock on the staging folder, which the kernel releases when
the process ends: an unlocked staging folder is left from a kill. The next
writer of the same target, `repair` or `sweep` restores the old folder from it
if the target is missing, and removes it.
"""

import contextlib
import errno
import json
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator
from typing import Any

from o2v_keras.storage.lock import hold_folder
from o2v_keras.storage.lock import take_abandoned

ENDING = ".o2v-partial"
_FULL = (errno.ENOSPC, errno.EDQUOT)
# Texts of errors whose number a library has lost.
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
# The only names in a staging folder.
_NEW, _OLD, _GONE = "new", "old", "gone"


class DiskFullError(OSError):
    """A file could not be written because the disk is full.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.filename = os.fspath(path)

    def __str__(self) -> str:
        return (
            f"{self.filename} could not be written: no space is left on its "
            "disk, or a quota is reached. Free some space, then run the same "
            "command again, a training or a search with `--resume`."
        )


@contextlib.contextmanager
def disk_full_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raises `DiskFullError` for `path` instead of a library's error.

    Example:
    >>> with disk_full_named("vectors.npy"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ...
    o2v_keras.storage.replace.DiskFullError: vectors.npy could not be written...
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        by_number = isinstance(error, OSError) and error.errno in _FULL
        if by_number or any(words in str(error) for words in _FULL_WORDS):
            raise DiskFullError(path) from error
        raise


@contextlib.contextmanager
def replaced_file(
    path: str | os.PathLike[str], earlier: str | os.PathLike[str] | None = None
) -> Iterator[pathlib.Path]:
    """Yields a temporary path, whose file then replaces `path` atomically.

    If the block raises, the old file stays. If `path` is no regular file,
    such as `/dev/stdout`, it is yielded itself.

    Args:
        path: The file to write or replace; its folder must exist. A symbolic
            link is followed.
        earlier: Path to move the old file to; a kill can leave it there with
            no file at `path`. Defaults to `None`: it is deleted.

    Yields:
        The path to write to.

    Raises:
        DiskFullError: If the disk is full.
        OSError: If the file cannot be written.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "words.txt")
    >>> with replaced_file(path) as new:
    ...     _ = new.write_text("one")
    >>> path.read_text()
    'one'
    """
    target = _real(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target} must be a file, but is a folder")
    if target.exists() and not target.is_file():
        yield target
        return
    with staged(target) as new:
        yield new
        _sync(new)
        if earlier is not None and target.exists():
            os.replace(target, earlier)
        os.replace(new, target)
        _sync(target.parent)


def write_file(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file atomically.

    Args:
        path: The file to write or replace.
        content: Its content; text is encoded as UTF-8.
    """
    if isinstance(content, str):
        content = content.encode()
    with replaced_file(path) as new:
        new.write_bytes(content)


def write_json(path: str | os.PathLike[str], values: dict[str, Any]) -> None:
    """Writes an indented JSON file atomically."""
    write_file(path, json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def replaced_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields an empty folder, which then replaces `path` atomically.

    The old folder is removed with all its files: check them first, with
    `OutputFolder`. If the block raises, the old folder stays.

    Args:
        path: The folder to create or replace; missing parents are created. A
            symbolic link is followed.

    Yields:
        The folder to fill.

    Raises:
        DiskFullError: If the disk is full.
        OSError: If the folder cannot be written.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "index")
    >>> for text in ("1", "2"):
    ...     with replaced_folder(path) as new:
    ...         _ = (new / "ids.json").write_text(text)
    >>> (path / "ids.json").read_text()
    '2'
    """
    target = _real(path)
    if os.path.ismount(target):
        raise OSError(
            f"{target} must be a folder inside a mounted volume, not the "
            "volume itself, which cannot be replaced"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged(target) as new:
        new.mkdir()
        yield new
        sync_tree(new)
        if os.path.lexists(target):
            os.rename(target, new.with_name(_OLD))
        os.rename(new, target)
        _sync(target.parent)


@contextlib.contextmanager
def staged(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an unused path in the locked staging folder of a target.

    The caller creates a file or a folder there, on the same disk, and renames
    it. Other writers of the target wait.

    Args:
        target: The path to replace; its parent must exist.

    Yields:
        The path.
    """
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{target} cannot be written, because there is no folder "
            f"{target.parent}"
        )
    staging = _staging(target)
    with disk_full_named(target):
        lock = hold_folder(staging)
        try:
            _settle(staging, target, remove=False)
            yield staging / _NEW
        finally:
            try:
                _settle(staging, target)
            finally:
                os.close(lock)


def repair(path: str | os.PathLike[str]) -> None:
    """Restores an old folder that a kill left in the staging folder.

    Does nothing while another process writes the target.

    Args:
        path: The target, which may be missing.
    """
    target = _real(path)
    _clean(_staging(target), target)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Repairs everything directly in a folder.

    Args:
        folder: A folder, which may be missing.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith(ENDING):
                target = name.removesuffix(ENDING)[1:]
                _clean(pathlib.Path(folder, name), pathlib.Path(folder, target))


def sync_tree(folder: pathlib.Path) -> None:
    """Syncs a folder and all its files to the disk."""
    for parent, _, files in os.walk(folder):
        for name in files:
            _sync(os.path.join(parent, name))
        _sync(parent)


def _real(path):
    return pathlib.Path(os.path.realpath(path))


def _staging(target):
    return target.with_name(f".{target.name}{ENDING}")


def _clean(staging, target):
    lock = take_abandoned(staging)
    if lock is None:
        return
    try:
        # No command fails because it cannot clean up.
        with contextlib.suppress(OSError):
            _settle(staging, target)
    finally:
        os.close(lock)


def _settle(staging, target, remove=True):
    """Finishes or undoes a write in a locked staging folder."""
    new, old, gone = (staging / name for name in (_NEW, _OLD, _GONE))
    if os.path.lexists(old):
        if os.path.lexists(target):
            # Renamed first: a half removed `old` must not be restored.
            _remove(gone)
            os.rename(old, gone)
        else:
            os.rename(old, target)
    _remove(gone)
    _remove(new)
    if remove:
        # Other files in it stay.
        with contextlib.suppress(OSError):
            os.rmdir(staging)


def _remove(path):
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
