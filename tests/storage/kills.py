"""Deaths of a process at each of its file operations, in process."""

import builtins
import contextlib
import os
from unittest import mock

_CALLS = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "fsync")


class Killed(BaseException):
    """Stands for a process's end: after it no file is touched."""


def every_kill():
    """Yields context managers, one for each file operation of a block.

    The block of the n-th one dies before its n-th operation: that one and all
    that follow, also those of its clean-up, raise `Killed` and do nothing,
    until the block has been left. The last block runs to its end.
    """
    number = 0
    while True:
        kill = Kill(number)
        yield kill
        if not kill.killed:
            return
        number += 1


class Kill:
    """Lets so many operations pass, and none after them.

    Args:
        operations: How many.
    """

    def __init__(self, operations):
        self._operations = operations
        self.killed = False
        self._left = contextlib.ExitStack()

    def __enter__(self):
        self._passed = 0
        self.killed = False
        for name in _CALLS:
            self._patch(os, name)
        self._patch(builtins, "open", self._is_write)
        self._patch(
            os, "open", lambda path, flags, *_, **__: flags & os.O_CREAT
        )
        return self

    def __exit__(self, kind, error, traceback):
        self._left.close()
        return kind is Killed

    def _patch(self, module, name, counts=lambda *_, **__: True):
        original = getattr(module, name)

        def call(*arguments, **options):
            if counts(*arguments, **options):
                if self._passed >= self._operations:
                    self.killed = True
                    raise Killed(name)
                self._passed += 1
            return original(*arguments, **options)

        self._left.enter_context(mock.patch.object(module, name, call))

    @staticmethod
    def _is_write(file, mode="r", *_, **__):
        return isinstance(file, str | os.PathLike) and mode[0] in "wxa"
