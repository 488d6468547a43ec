"""Output folders, and which of their files this program wrote."""

import contextlib
import fnmatch
import glob
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from o2v_keras.storage.lock import LOCK_FILE
from o2v_keras.storage.lock import locked_folder
from o2v_keras.storage.replace import ENDING
from o2v_keras.storage.replace import repair
from o2v_keras.storage.replace import replaced_folder
from o2v_keras.storage.replace import sweep
from o2v_keras.storage.replace import write_file

MARKER = ".o2v.json"
# Most names in a message.
_NAMED = 3


class OutputFolder:
    """A folder for results of one kind, which protects the user's files.

    The marker `.o2v.json` lists the files of each kind of result in the
    folder. Commands refuse a folder that is neither empty nor marked, and do
    not replace a folder that holds other files: they remove only files that a
    command wrote.

    Args:
        path: The folder.
        argument: Name of the argument, for messages.
        kind: The kind of result, such as `"an index"`.
        files: Patterns of the result's files, relative to the folder, in the
            syntax of `fnmatch`; `*` does not match `/`. `clear` removes them
            in this order.
        older: Function of the folder that recognizes results of versions
            without markers. Defaults to `None`: there are none.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp()
    >>> folder = OutputFolder(path, "output", "an index", ["ids.json"])
    >>> folder.begin()
    >>> folder.is_ours, folder.foreign()
    (True, [])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        argument: str,
        kind: str,
        files: Sequence[str],
        older: Callable[[pathlib.Path], bool] | None = None,
    ):
        self.path = pathlib.Path(path)
        self.argument = argument
        self.kind = kind
        self.files = files
        self._older = older

    @property
    def is_ours(self) -> bool:
        """Whether the folder holds a result of this kind."""
        if self.kind in _read_marker(self.path):
            return True
        return self._older is not None and self._older(self.path)

    def check(self) -> None:
        """Checks that the folder is new, empty, or has a result of this kind.

        Raises:
            ValueError: If it is not.
        """
        repair(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise self._no_folder("it is a file")
        if self.is_ours:
            return
        found = [name for name in _names(self.path) if not _is_traffic(name)]
        if found:
            others = "; it holds ".join(["", *_read_marker(self.path)][:2])
            raise ValueError(
                f"`{self.argument}` must be a new or empty folder, or one "
                f"with {self.kind} that this program wrote. {self._received}, "
                f"which holds {_listed(found)}{others}"
            )

    def check_names(self) -> None:
        """Checks that writing the result would replace no other files.

        For results in a folder that may hold other files.

        Raises:
            ValueError: If there is such a file.
        """
        repair(self.path)
        if self.is_ours:
            return
        found = [name for name in self.files if (self.path / name).exists()]
        if found:
            raise ValueError(
                f"`{self.argument}` must not hold files that {self.kind} "
                "would replace and that this program did not write. "
                f"{self._received}, which holds {_listed(found)}. Move that "
                "away, or name another folder."
            )

    def check_replaceable(self) -> None:
        """Checks like `check`, and that the folder holds no other files.

        Raises:
            ValueError: If the check fails, or the folder holds files that
                this program did not write.
        """
        self.check()
        found = self.foreign()
        if found:
            raise ValueError(
                f"`{self.argument}` must hold nothing but {self.kind}, which "
                f"is replaced. {self._received}, which also holds "
                f"{_listed(found)}. Move that away, or name another folder."
            )

    def begin(self) -> None:
        """Creates the folder, cleans up after killed processes, and marks it.

        Raises:
            ValueError: If the folder cannot be created.
        """
        self._make()
        sweep(self.path)
        write_marker(self.path, self.kind, self.files)

    @contextlib.contextmanager
    def claimed(self, use: str) -> Iterator[None]:
        """Checks, creates and locks the folder.

        Marker and folder are removed if the block writes no file.

        Args:
            use: A verb phrase for the message, such as `"trains in"`.

        Raises:
            ValueError: If the folder holds files of others.
            InUseError: If another process holds the lock.
        """
        self.check()
        made = not self.path.exists()
        self._make()
        try:
            with locked_folder(self.path, use):
                self.begin()
                yield
        finally:
            if _names(self.path) == [MARKER]:
                (self.path / MARKER).unlink()
            if made and not _names(self.path):
                self.path.rmdir()

    @contextlib.contextmanager
    def replaced(self) -> Iterator[pathlib.Path]:
        """Yields an empty folder, which then replaces this one atomically.

        Raises:
            ValueError: If the folder holds files of others.
            OSError: If it cannot be written.
        """
        self.check_replaceable()
        with replaced_folder(self.path) as new:
            yield new
            names = [glob.escape(name) for name in _foreign(new, [])]
            write_marker(new, self.kind, names)

    def foreign(self) -> list[str]:
        """Returns the files in the folder that this program did not write."""
        return [*_foreign(self.path, self.files)]

    def clear(self, files: Sequence[str] | None = None) -> None:
        """Removes the result's files, and subfolders that become empty.

        Args:
            files: Patterns to remove. Defaults to `None`: all.
        """
        for pattern in self.files if files is None else files:
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)
                _remove_empty(path.parent, self.path)

    @property
    def _received(self):
        return f"Received: {self.argument}={os.fspath(self.path)!r}"

    def _make(self):
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._no_folder(error.strerror) from error

    def _no_folder(self, reason):
        return ValueError(
            f"`{self.argument}` must be a folder or the name of a new one. "
            f"{self._received}: {reason}"
        )


def write_marker(folder: pathlib.Path, kind: str, files: Sequence[str]) -> None:
    """Adds a kind of result to the marker of a folder.

    Args:
        folder: The folder, which must exist.
        kind: The kind of result, such as `"an index"`.
        files: Patterns of the result's files.
    """
    marked = _read_marker(folder)
    if marked.get(kind) != [*files]:
        results = {**marked, kind: [*files]}
        text = json.dumps({"results": results}, indent=1) + "\n"
        write_file(folder / MARKER, text)


def _read_marker(folder):
    """Returns kind of result -> patterns of its files."""
    try:
        return dict(json.loads((folder / MARKER).read_text())["results"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _names(folder):
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def _is_traffic(name):
    # File systems have `lost+found` at their root.
    names = (MARKER, LOCK_FILE, "lost+found")
    return name in names or name.endswith(ENDING)


def _foreign(folder, patterns):
    """Yields relative paths that match no pattern, given or in a marker."""
    if not folder.is_dir():
        return
    marked = [p for files in _read_marker(folder).values() for p in files]
    heads = [p.partition("/") for p in [*patterns, *marked]]
    for name in filter(lambda name: not _is_traffic(name), _names(folder)):
        matching = [p for p in heads if fnmatch.fnmatchcase(name, p[0])]
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            below = [rest for _, slash, rest in matching if slash]
            yield from (f"{name}/{inner}" for inner in _foreign(path, below))
        elif all(slash for _, slash, _ in matching):
            yield name


def _remove_empty(folder, top):
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _listed(names):
    more = len(names) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(names[:_NAMED]) + rest
