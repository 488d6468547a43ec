"""One process at a time in a folder."""

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
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(handle)


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
        try:
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)


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
