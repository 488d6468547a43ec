"""Locks on folders, which the kernel releases when a process dies."""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import socket
from collections.abc import Iterator

LOCK_FILE = ".o2v.lock"


class InUseError(ValueError):
    """Another process, or another part of this one, holds a folder's lock."""


@contextlib.contextmanager
def locked_folder(folder: str | os.PathLike[str], use: str) -> Iterator[None]:
    """Holds the lock of a folder.

    The kernel releases the lock when the process ends, also if it is killed.
    The file `.o2v.lock` names the owner's process, host and start.

    Args:
        folder: The folder, which must exist.
        use: A verb phrase for the message, such as `"trains in"`.

    Raises:
        InUseError: If the lock is taken; the message names its owner.

    Example:
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with locked_folder(folder, "trains in"):
    ...     os.listdir(folder)
    ['.o2v.lock']
    >>> os.listdir(folder)
    []
    """
    path = pathlib.Path(folder, LOCK_FILE)
    handle = _enter(path, folder, use)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_owner()).encode(), 0)
        yield
    finally:
        # Removed while locked: a process that opened the file before notices
        # that it is gone, and creates another one.
        try:
            with contextlib.suppress(OSError):
                os.unlink(path)
        finally:
            os.close(handle)


def hold_folder(folder: str | os.PathLike[str]) -> int:
    """Creates a folder if it is missing, and waits for a lock on it.

    The lock is on the folder itself and needs no file in it.

    Args:
        folder: The folder; its parent must exist.

    Returns:
        A file descriptor; closing it releases the lock.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # its owner removed it meanwhile
        # Some network file systems cannot lock a folder: the caller must then
        # prevent concurrent writes.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_same(handle, folder):
            return handle
        os.close(handle)


def take_abandoned(folder: str | os.PathLike[str]) -> int | None:
    """Locks a folder whose owner has died.

    Args:
        folder: A folder that `hold_folder` created.

    Returns:
        A file descriptor; closing it releases the lock. `None` if the folder
        is missing, its owner is alive, or that is unknown.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same(handle, folder):
            return handle
    os.close(handle)
    return None


def _enter(path, folder, use):
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 4096, 0)
            os.close(handle)
            raise InUseError(_sentence(folder, use, owner)) from None
        except OSError:
            return handle  # a file system without locks
        if _is_same(handle, path):
            return handle
        os.close(handle)


def _is_same(handle, path):
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _owner():
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}",
    }


def _sentence(folder, use, owner):
    try:
        owner = json.loads(owner)
        who = (
            f"Process {owner['pid']} on host {owner['host']}, since "
            f"{owner['started']} UTC,"
        )
    except (ValueError, KeyError):
        who = "Another process"  # it has not written its name yet
    return (
        f"{who} {use} {os.fspath(folder)}. Wait until it has ended, stop it, "
        "or name another folder."
    )
