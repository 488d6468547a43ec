"""Files that are there whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file that appears under its name once it is on the disk.

    Whatever had the name stays until then. The file grows beside it, as
    `<name>.tmp`.

    Args:
        path: The name.

    Yields:
        The file, to be written in binary.
    """
    aside = path.with_name(f"{path.name}.tmp")
    with open(aside, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    replace_durably(aside, path)


def replace_durably(source: pathlib.Path, target: pathlib.Path):
    """Renames a file in its folder, so that a power cut keeps the new name."""
    os.replace(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
