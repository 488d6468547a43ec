"""Temporary folders that are removed even after a kill."""

import functools
import os
import pathlib
import shutil
import tempfile

from o2v_keras.storage.lock import hold_folder
from o2v_keras.storage.lock import take_abandoned

_ENDING = ".o2v-temporary"


class TemporaryFolder:
    """A temporary folder; the next one removes those of dead processes.

    The process holds a lock on the folder, which the kernel releases when the
    process ends. The next process with the same use removes all unlocked
    folders of that use. Use it as a context manager, or call `close`.

    Args:
        use: The purpose, which is part of the name.

    Attributes:
        path: The folder.

    Example:
    >>> with TemporaryFolder("doctest") as path:
    ...     path.is_dir()
    True
    >>> path.exists()
    False
    """

    def __init__(self, use: str):
        prefix = f"o2v-{use}-"
        _sweep(tempfile.gettempdir(), prefix)
        made = tempfile.mkdtemp(prefix=prefix, suffix=_ENDING)
        self._lock = hold_folder(made)
        self.path = pathlib.Path(made)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Removes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


@functools.cache
def _sweep(parent, prefix):
    for name in os.listdir(parent):
        if name.startswith(prefix) and name.endswith(_ENDING):
            path = os.path.join(parent, name)
            lock = take_abandoned(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
