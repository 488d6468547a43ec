"""Writes files and folders so that a kill leaves the old or the new one.

What is written grows in a staging folder beside its target:
`.<name>.o2v-partial/new`. When it is whole and on the disk it is renamed into
place; a folder that was there is renamed to `.<name>.o2v-partial/old` before
and removed last. The process holds a lock on the staging folder, which the
kernel releases when the process ends: a staging folder without one is what a
kill left, and the next writer of the same target, `repair` or `sweep` restores
the old folder from it, where the new one is not in place, and removes it.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator

from o2v_keras.storage.lock import hold_folder
from o2v_keras.storage.lock import take_abandoned

ENDING = ".o2v-partial"
_FULL = (errno.ENOSPC, errno.EDQUOT)
# How libraries that lose the error's number name it.
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
# Folders may hold the files of others: these alone are in a staging folder.
_NEW, _OLD, _GONE = "new", "old", "gone"


class DiskFullError(OSError):
    """A file could not be written for want of space.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.filename = os.fspath(path)

    def __str__(self):
        return (
            f"{self.filename} could not be written: no space is left on its "
            "disk, or a quota is reached. Free some space, then run the same "
            "command again, a training or a search with `--resume`."
        )


@contextlib.contextmanager
def disk_full_named(path: str | os.PathLike) -> Iterator[None]:
    """Raises `DiskFullError` for `path` in place of a library's own error.

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
    path: str | os.PathLike, earlier: str | os.PathLike | None = None
) -> Iterator[pathlib.Path]:
    """Yields a path to write to; what is there then becomes the file.

    A reader sees the old file or the new one. When the block raises, the old
    file stays. What is no regular file, such as `/dev/stdout`, is yielded
    itself.

    Args:
        path: The file to write or replace; its folder must exist. A symbolic
            link is followed.
        earlier: Where the old file is kept. A kill may leave it there with
            none at `path`. Defaults to `None`: nowhere.

    Yields:
        Where to write the file.

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


def write_file(path: str | os.PathLike, content: str | bytes) -> None:
    """Writes a file as `replaced_file` does.

    Args:
        path: The file to write or replace.
        content: All it will hold; text is written in UTF-8 as it is.
    """
    if isinstance(content, str):
        content = content.encode()
    with replaced_file(path) as new:
        new.write_bytes(content)


@contextlib.contextmanager
def replaced_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields an empty folder to fill; it then takes the place of the old one.

    All that the old folder holds is removed: see first, with `OutputFolder`,
    that it is ours. When the block raises, the old folder stays.

    Args:
        path: The folder to make or replace; those above it are made. A
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
    """Yields a path in the staging folder of a target, on the same disk.

    Nothing is there yet: the caller makes a file or a folder and renames it.
    Another process that writes the same target waits.

    Args:
        target: What will be replaced; the folder above it must exist.

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


def repair(path: str | os.PathLike) -> None:
    """Puts the old file or folder back that a kill left without its name.

    Does nothing while another process is writing it.

    Args:
        path: What was to be replaced. It need not exist.
    """
    target = _real(path)
    _clean(_staging(target), target)


def sweep(folder: str | os.PathLike) -> None:
    """Repairs all that kills left in a folder, folders below it not included.

    Args:
        folder: A folder; it need not exist.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith(ENDING):
                target = name.removesuffix(ENDING)[1:]
                _clean(pathlib.Path(folder, name), pathlib.Path(folder, target))


def sync_tree(folder: pathlib.Path) -> None:
    """Has the disk store a folder with all that is in it."""
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
        # Where it may not be removed: cleaning up is no command's errand.
        with contextlib.suppress(OSError):
            _settle(staging, target)
    finally:
        os.close(lock)


def _settle(staging, target, remove=True):
    """Ends what was begun in a staging folder whose lock is held."""
    new, old, gone = (staging / name for name in (_NEW, _OLD, _GONE))
    if os.path.lexists(old):
        if os.path.lexists(target):
            # Under a name from which nothing comes back: it may stay in part.
            _remove(gone)
            os.rename(old, gone)
        else:
            os.rename(old, target)
    _remove(gone)
    _remove(new)
    if remove:
        # Files of others, however they came here, stay.
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
