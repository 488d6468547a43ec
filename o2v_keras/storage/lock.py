"""One process at a time in a folder; what a dead one has left."""

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
    """Another process, or another part of this one, uses a folder."""


@contextlib.contextmanager
def locked_folder(folder: str | os.PathLike, use: str) -> Iterator[None]:
    """Holds a folder's lock for the length of a block.

    The kernel releases the lock when its owner ends, however it ends: there
    is none to clear by hand, and the next process takes a killed one's place.
    The file `.o2v.lock` names the owner's process, host and start.

    Args:
        folder: The folder; must exist.
        use: What the owner does there, such as `"trains in"`.

    Raises:
        InUseError: If another one holds the lock; the message names it.

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
        # Removed while it is locked: who waits for this file sees that it is
        # gone and makes another one.
        try:
            with contextlib.suppress(OSError):
                os.unlink(path)
        finally:
            os.close(handle)


def hold_folder(folder: str | os.PathLike) -> int:
    """Makes a folder, or waits for it, and holds it.

    The lock is one on the folder itself: nothing of it is in the folder.

    Args:
        folder: The folder; the one above it must exist.

    Returns:
        A file descriptor; closing it gives the folder up.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # its owner has removed it since
        # Some network file systems cannot lock a folder: one process at a
        # time is then the caller's care.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_same(handle, folder):
            return handle
        os.close(handle)


def take_abandoned(folder: str | os.PathLike) -> int | None:
    """Holds a folder that a process held until it died.

    Args:
        folder: What `hold_folder` made.

    Returns:
        As `hold_folder`; `None` if there is no such folder, if its owner is
        alive, or if that cannot be told.
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
        who = "Another process"  # it has yet to write its name
    return (
        f"{who} {use} {os.fspath(folder)}. Wait until it has ended, stop it, "
        "or name another folder."
    )
